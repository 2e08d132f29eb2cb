-- Who claims from lanes, or writes what is remembered of them, does so alone: what others have written is seen by every
-- statement after this one. Its statements are long, and so are planned once; by indexes, for what is planned while the
-- tables are empty is done so when there is much.
--   txid_current         by which whoever comes next can ask whether what was written here stands
--   word                 somebody has left word; no more than a hint, for it was looked for before the lock was there
SELECT CASE WHEN pg_advisory_xact_lock(:lock::bigint)::text = '' THEN nextval('treadle.holder') END AS number,
       txid_current() AS xid, extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
       EXISTS (SELECT 1 FROM treadle.arrival) AS word,
       set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
       set_config('plan_cache_mode', 'force_generic_plan', true)
