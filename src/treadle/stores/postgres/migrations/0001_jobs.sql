-- One table for all jobs; a partial index for each way of looking for one, so that finished jobs cost a claim nothing.
-- One key for all: every index of the table gets a new entry whenever a job moves, so a second costs at each move.
-- Times are whole milliseconds since 1970, UTC. Names compare by their bytes: the order of a language is slower.
-- A job is written three times (queued, running, final); pages that are half empty at first have room for that. So have
-- those of the other tables whose rows are written again and again, none of it in an index.

CREATE TABLE treadle.job (
    key           uuid PRIMARY KEY WITH (fillfactor = 40),
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    rank          bigint NOT NULL,
    created_at    bigint NOT NULL,
    queued_at     bigint,
    due_at        bigint,
    expires_at    bigint,
    started_at    bigint,
    finished_at   bigint,
    result_ttl    bigint,
    result_until  bigint,
    unique_for    bigint,
    attempt       integer NOT NULL DEFAULT 0,
    max_attempts  integer NOT NULL,
    epoch         integer NOT NULL DEFAULT 0,
    crashes       integer NOT NULL DEFAULT 0,
    priority      smallint NOT NULL DEFAULT 0,
    grip          smallint NOT NULL DEFAULT 0,
    cancel        boolean NOT NULL DEFAULT false,
    taken         boolean NOT NULL DEFAULT false,
    state         text COLLATE "C" NOT NULL,
    queue         text COLLATE "C" NOT NULL,
    task          text COLLATE "C" NOT NULL,
    name          text COLLATE "C",
    worker        text COLLATE "C",
    owner         text COLLATE "C",
    tenant        text COLLATE "C",
    batch         text COLLATE "C",
    unique_key    text COLLATE "C",
    unique_until  text COLLATE "C" NOT NULL DEFAULT 'final',
    lane          text COLLATE "C",
    costs         text COLLATE "C",
    reason        text COLLATE "C",
    outcome       text COLLATE "C",
    args          text COLLATE "C" NOT NULL,
    meta          text COLLATE "C",
    result        text COLLATE "C",
    error         text COLLATE "C",
    -- The statements that settle ask for the worker and not for the state: else the planner, told of a moment in which
    -- nothing ran, would look for one job by reading all that run.
    CHECK ((worker IS NOT NULL) = (state = 'running'))
) WITH (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05
);

COMMENT ON COLUMN treadle.job.key IS 'the id, where it is a UUID; a UUIDv7 of ours where another id was chosen';

COMMENT ON COLUMN treadle.job.name IS 'the id, where it was chosen and is no UUIDv7';

COMMENT ON COLUMN treadle.job.seq IS 'the order of adding, by the server';

COMMENT ON COLUMN treadle.job.rank IS 'since when it waits, a minute earlier for each point of priority: the lowest goes first';

COMMENT ON COLUMN treadle.job.grip IS 'how it holds its unique key: 2 by its state, 1 for its time alone, 0 not at all';

COMMENT ON COLUMN treadle.job.lane IS 'what governs it, if anything but its queue and task does';

CREATE UNIQUE INDEX job_name ON treadle.job (name) WHERE name IS NOT NULL;

CREATE INDEX job_queued ON treadle.job (queue, rank, seq) WHERE state = 'queued' AND lane IS NULL;

-- By a number made of the lane's name, which may be longer than an index takes.
CREATE INDEX job_lane ON treadle.job (queue, hashtextextended(lane, 0), rank, seq)
 WHERE state = 'queued' AND lane IS NOT NULL;

CREATE INDEX job_due ON treadle.job (due_at) WHERE state = 'scheduled';

CREATE INDEX job_running ON treadle.job (worker) WHERE state = 'running';

CREATE INDEX job_held ON treadle.job (reason) WHERE state = 'held';

CREATE INDEX job_finished ON treadle.job (state, task, finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX job_expiring ON treadle.job (expires_at) WHERE expires_at IS NOT NULL AND finished_at IS NULL;

CREATE INDEX job_result ON treadle.job (result_until) WHERE result IS NOT NULL;

CREATE INDEX job_owner ON treadle.job (owner, state, key) WHERE owner IS NOT NULL;

CREATE INDEX job_batch ON treadle.job (batch, state, queue) WHERE batch IS NOT NULL;

CREATE UNIQUE INDEX job_unique ON treadle.job (unique_key) WHERE grip > 0;

CREATE TABLE treadle.worker (
    id           text COLLATE "C" PRIMARY KEY,
    lease_until  bigint NOT NULL,
    seen_at      bigint NOT NULL,
    started_at   bigint NOT NULL,
    host         text NOT NULL,
    space        text NOT NULL,
    pid          bigint NOT NULL,
    born         text NOT NULL,
    queues       text NOT NULL,
    slots        integer NOT NULL,
    details      text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE treadle.progress (
    job     uuid PRIMARY KEY,
    epoch   integer NOT NULL,
    done    bigint NOT NULL,
    total   bigint,
    failed  bigint NOT NULL,
    note    text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE treadle.log (
    job    uuid NOT NULL,
    epoch  integer NOT NULL,
    lines  text NOT NULL,
    PRIMARY KEY (job, epoch)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE treadle.attempt (
    job         uuid NOT NULL,
    epoch       integer NOT NULL,
    number      integer NOT NULL,
    worker      text,
    started_at  bigint,
    ended_at    bigint NOT NULL,
    ending      text NOT NULL,
    error       text,
    PRIMARY KEY (job, epoch)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE treadle.record (
    kind     text COLLATE "C" NOT NULL,
    key      text COLLATE "C" NOT NULL,
    value    text NOT NULL,
    version  bigint NOT NULL,
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
