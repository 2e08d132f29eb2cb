-- What is remembered of gates that says more than nothing would.
  WITH clock AS MATERIALIZED (
       SELECT coalesce(:now::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)
SELECT asked.place, standing.used, standing.mark, standing.until, standing.spacing, standing.spaced_until, standing.holder
  FROM unnest(:keys::text::uuid[]) WITH ORDINALITY AS asked (key, place)
 CROSS JOIN clock
 CROSS JOIN LATERAL (
       SELECT * FROM treadle.standing WHERE standing.key = asked.key OFFSET 0) AS standing
 WHERE standing.idle_at IS NULL OR standing.idle_at > clock.now
