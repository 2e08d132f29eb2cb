-- How many lanes are shut at each of these gates, counted no further than is worth knowing.
SELECT asked.value, (SELECT count(*) FROM (SELECT 1 FROM treadle_lane WHERE gate = asked.value LIMIT 17))
  FROM json_each(:gates) AS asked
