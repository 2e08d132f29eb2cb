-- Open all lanes that are shut at a target, at its gates, or at those of a key.
UPDATE treadle_lane
   SET gate = NULL, until = NULL
 WHERE gate IS NOT NULL
   AND (gate = :target OR substr(gate, 1, length(:target) + 1) = :target || ':'
        OR substr(gate, -length(:key) - 1) = ':' || :key)
