  WITH new AS MATERIALIZED (
       SELECT *
         FROM unnest(:id::text::bigint[], :name::text[], :used::text::bigint[], :mark::text::bigint[], :until::text::bigint[],
                     :spacing::text::bigint[], :spaced_until::text::bigint[], :holder::text[], :idle_at::text::bigint[])
              AS row (id, name, used, mark, until, spacing, spaced_until, holder, idle_at)),
       stood AS (
       UPDATE treadle.standing AS standing
          SET used = new.used, mark = new.mark, until = new.until, spacing = new.spacing,
              spaced_until = new.spaced_until, holder = new.holder, idle_at = new.idle_at
         FROM new
        WHERE standing.id = new.id),
       begun AS (
       INSERT INTO treadle.standing (name, used, mark, until, spacing, spaced_until, holder, idle_at)
       SELECT name, used, mark, until, spacing, spaced_until, holder, idle_at FROM new WHERE id IS NULL)
SELECT 1
