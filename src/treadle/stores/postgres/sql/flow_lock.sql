-- Who claims from lanes, or writes what is remembered of them, does so alone: what others have written is seen by every
-- statement after this one. Its statements are long, and so are planned once; by indexes, for what is planned while the
-- tables are empty is done so when there is much.
SELECT pg_advisory_xact_lock(:lock::bigint), set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
       set_config('plan_cache_mode', 'force_generic_plan', true)
