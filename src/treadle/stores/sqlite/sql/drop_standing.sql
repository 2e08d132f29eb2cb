DELETE FROM treadle_standing WHERE name = :name
