-- Names are given of gates of which it is not known whether anything is remembered.
  WITH new AS MATERIALIZED (
       SELECT key, name, used, mark, coalesce(until, 0) AS until, coalesce(spacing, 0) AS spacing,
              coalesce(spaced_until, 0) AS spaced_until, coalesce(holder, '') AS holder, idle_at
         FROM unnest(:keys::text::uuid[], :names::text[], :used::text::bigint[], :mark::text::bigint[],
                     :until::text::bigint[], :spacing::text::bigint[], :spaced_until::text::bigint[], :holder::text[],
                     :idle_at::text::bigint[])
              AS row (key, name, used, mark, until, spacing, spaced_until, holder, idle_at)),
       stood AS (
       UPDATE treadle.standing AS standing
          SET used = new.used, mark = new.mark, until = new.until, spacing = new.spacing,
              spaced_until = new.spaced_until, holder = new.holder, idle_at = new.idle_at
         FROM new
        WHERE standing.key = new.key
       RETURNING standing.key),
       begun AS (
       INSERT INTO treadle.standing (key, name, used, mark, until, spacing, spaced_until, holder, idle_at)
       SELECT key, name, used, mark, until, spacing, spaced_until, holder, idle_at
         FROM new
        WHERE name IS NOT NULL AND key NOT IN (SELECT key FROM stood))
SELECT 1
