SELECT name, used, mark, until, spacing, spaced_until, holder
  FROM treadle_standing WHERE name IN (SELECT value FROM json_each(:names))
