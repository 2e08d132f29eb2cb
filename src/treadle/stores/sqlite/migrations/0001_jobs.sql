-- One table for all jobs; a partial index for each way of looking for one, so that finished jobs cost a claim nothing.
-- Times are whole milliseconds since 1970, UTC. JSON is kept as text.

CREATE TABLE treadle_job (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    task          TEXT NOT NULL,
    queue         TEXT NOT NULL,
    args          TEXT NOT NULL,
    state         TEXT NOT NULL,
    priority      INTEGER NOT NULL,
    rank          INTEGER NOT NULL,
    attempt       INTEGER NOT NULL DEFAULT 0,
    max_attempts  INTEGER NOT NULL,
    epoch         INTEGER NOT NULL DEFAULT 0,
    crashes       INTEGER NOT NULL DEFAULT 0,
    cancel        INTEGER NOT NULL DEFAULT 0,
    taken         INTEGER NOT NULL DEFAULT 0,
    worker        TEXT,
    reason        TEXT,
    outcome       TEXT,
    result        TEXT,
    error         TEXT,
    owner         TEXT,
    tenant        TEXT,
    batch         TEXT,
    unique_key    TEXT,
    created_at    INTEGER NOT NULL,
    queued_at     INTEGER,
    due_at        INTEGER,
    expires_at    INTEGER,
    started_at    INTEGER,
    finished_at   INTEGER,
    result_ttl    INTEGER,
    result_until  INTEGER,
    meta          TEXT,
    lane          TEXT,
    lane_hash     INTEGER,
    costs         TEXT,
    unique_until  TEXT NOT NULL DEFAULT 'final',
    unique_for    INTEGER,
    held_key      TEXT,
    grip          INTEGER NOT NULL DEFAULT 2
);

CREATE INDEX treadle_job_queued ON treadle_job (queue, rank, seq) WHERE state = 'queued' AND lane IS NULL;

-- By a hash, for the names of lanes are long.
CREATE INDEX treadle_job_lane ON treadle_job (queue, lane_hash, rank, seq) WHERE state = 'queued' AND lane IS NOT NULL;

CREATE INDEX treadle_job_due ON treadle_job (due_at) WHERE state = 'scheduled';

CREATE INDEX treadle_job_running ON treadle_job (worker) WHERE state = 'running';

CREATE INDEX treadle_job_held ON treadle_job (reason) WHERE state = 'held';

CREATE INDEX treadle_job_finished ON treadle_job (state, task, finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX treadle_job_expiring ON treadle_job (expires_at) WHERE expires_at IS NOT NULL AND finished_at IS NULL;

CREATE INDEX treadle_job_result ON treadle_job (result_until) WHERE result IS NOT NULL;

CREATE INDEX treadle_job_owner ON treadle_job (owner, state, seq) WHERE owner IS NOT NULL;

CREATE INDEX treadle_job_batch ON treadle_job (batch, state, queue) WHERE batch IS NOT NULL;

-- held_key is the unique key for as long as the job keeps it; grip says why: 2 for its state, 1 for its window alone.
CREATE UNIQUE INDEX treadle_job_unique ON treadle_job (held_key) WHERE held_key IS NOT NULL;

-- Whoever wants a key that is kept for a window that is over takes it (free_key.sql).
CREATE TRIGGER treadle_job_let_go AFTER UPDATE OF state ON treadle_job
  WHEN NEW.held_key IS NOT NULL
       AND (NEW.finished_at IS NOT NULL OR NEW.unique_until = 'started' AND NEW.state = 'running')
BEGIN
    UPDATE treadle_job
       SET grip = 1,
           held_key = CASE WHEN created_at + coalesce(unique_for, 0) > coalesce(finished_at, started_at) THEN held_key END
     WHERE seq = NEW.seq;
END;

CREATE TABLE treadle_worker (
    id           TEXT PRIMARY KEY,
    lease_until  INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    host         TEXT NOT NULL,
    space        TEXT NOT NULL,
    pid          INTEGER NOT NULL,
    born         TEXT NOT NULL,
    queues       TEXT NOT NULL,
    slots        INTEGER NOT NULL,
    details      TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE treadle_progress (
    job     INTEGER PRIMARY KEY,
    epoch   INTEGER NOT NULL,
    done    INTEGER NOT NULL,
    total   INTEGER,
    failed  INTEGER NOT NULL,
    note    TEXT
);

CREATE TABLE treadle_log (
    job    INTEGER NOT NULL,
    epoch  INTEGER NOT NULL,
    lines  TEXT NOT NULL,
    PRIMARY KEY (job, epoch)
) WITHOUT ROWID;

CREATE TABLE treadle_attempt (
    job         INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    worker      TEXT,
    started_at  INTEGER,
    ended_at    INTEGER NOT NULL,
    ending      TEXT NOT NULL,
    error       TEXT,
    PRIMARY KEY (job, epoch)
) WITHOUT ROWID;

CREATE TABLE treadle_record (
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    version  INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
