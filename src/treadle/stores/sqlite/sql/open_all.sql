UPDATE treadle_lane SET gate = NULL, until = NULL WHERE gate IN (SELECT value FROM json_each(:gates))
