INSERT INTO treadle.arrival (queue, lane, id, told) VALUES (:queue, :lane, :id, :told)
