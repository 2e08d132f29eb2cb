INSERT INTO treadle_standing (name, used, mark, until, spacing, spaced_until, holder, idle_at)
VALUES {rows}
    ON CONFLICT (name) DO UPDATE
   SET used = excluded.used, mark = excluded.mark, until = excluded.until, spacing = excluded.spacing,
       spaced_until = excluded.spaced_until, holder = excluded.holder, idle_at = excluded.idle_at
