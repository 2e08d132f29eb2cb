-- Until this transaction ends. What is planned while there are no jobs is kept, and done so when there are many.
SELECT set_config('enable_seqscan', 'off', true)
