-- Open all lanes that are shut at a target: at itself, or at a gate of its policy or of its key.
  WITH opened AS (
       UPDATE treadle.lane SET gate = NULL, until = NULL
        WHERE gate IS NOT NULL AND (gate = :target OR starts_with(gate, :target || ':')
                                    OR right(gate, length(:key::text) + 1) = ':' || :key::text)
       RETURNING queue, tenant),
       turned AS (
       INSERT INTO treadle.turn AS turn (queue, tenant, paid, open)
       SELECT DISTINCT queue, tenant, 0, true FROM opened
           ON CONFLICT (queue, tenant) DO UPDATE SET open = true WHERE NOT turn.open)
SELECT count(*), pg_notify(:channel, '') FROM opened
