-- Who may run now: lanes of jobs, turns of tenants, and what is remembered of gates (docs/decisions/0015).

CREATE TABLE treadle_lane (
    queue      TEXT NOT NULL,
    lane       TEXT NOT NULL,
    lane_hash  INTEGER NOT NULL,
    tenant     TEXT NOT NULL,
    rank       INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    gate       TEXT,
    until      INTEGER,
    PRIMARY KEY (queue, lane)
);

CREATE INDEX treadle_lane_open ON treadle_lane (queue, tenant, rank, seq) WHERE gate IS NULL;

CREATE INDEX treadle_lane_shut ON treadle_lane (gate, queue, tenant, rank, seq) WHERE gate IS NOT NULL;

CREATE INDEX treadle_lane_due ON treadle_lane (queue, until) WHERE until IS NOT NULL;

-- open: the tenant has an open lane, or had one when that was looked at last.
CREATE TABLE treadle_turn (
    queue   TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    paid    INTEGER NOT NULL,
    open    INTEGER NOT NULL,
    PRIMARY KEY (queue, tenant)
);

CREATE INDEX treadle_turn_next ON treadle_turn (queue, paid) WHERE open = 1;

CREATE TABLE treadle_line (
    queue  TEXT PRIMARY KEY,
    clock  INTEGER NOT NULL
) WITHOUT ROWID;

-- idle_at: from when on it says no more than none would.
CREATE TABLE treadle_standing (
    name          TEXT PRIMARY KEY,
    used          INTEGER NOT NULL,
    mark          INTEGER NOT NULL,
    until         INTEGER NOT NULL,
    spacing       INTEGER NOT NULL,
    spaced_until  INTEGER NOT NULL,
    holder        TEXT NOT NULL,
    idle_at       INTEGER
);

CREATE INDEX treadle_standing_holder ON treadle_standing (holder) WHERE holder <> '';

-- Triggers, so that nobody can forget to line up and to step out, nor be killed between: callers who enlist us may be in
-- no transaction. They are few, for each costs all that happens to jobs. Who is queued in a lane puts it in line. Who
-- leaves a lane otherwise than by a claim opens it: who stands behind may be let in where the first was not. Whose turn it
-- is in an order gives that up where it ends or goes away while it waits.

CREATE TRIGGER treadle_job_added AFTER INSERT ON treadle_job
  WHEN NEW.lane IS NOT NULL AND NEW.state = 'queued'
BEGIN
    INSERT INTO treadle_lane (queue, lane, lane_hash, tenant, rank, seq)
    VALUES (NEW.queue, NEW.lane, NEW.lane_hash, json_extract(NEW.lane, '$[1]'), NEW.rank, NEW.seq)
        ON CONFLICT (queue, lane) DO UPDATE
       SET rank = excluded.rank, seq = excluded.seq, gate = NULL, until = NULL
     WHERE (excluded.rank, excluded.seq) < (treadle_lane.rank, treadle_lane.seq);
END;

CREATE TRIGGER treadle_job_moved AFTER UPDATE OF state, queue, lane, rank, costs ON treadle_job
  WHEN NEW.state <> 'running' AND (NEW.state = 'queued' OR OLD.state <> 'running')
       AND (NEW.lane IS NOT NULL OR OLD.lane IS NOT NULL)
BEGIN
    UPDATE treadle_lane SET gate = NULL, until = NULL
     WHERE OLD.state = 'queued' AND queue = OLD.queue AND lane = OLD.lane AND gate IS NOT NULL;
    INSERT INTO treadle_lane (queue, lane, lane_hash, tenant, rank, seq)
    SELECT NEW.queue, NEW.lane, NEW.lane_hash, json_extract(NEW.lane, '$[1]'), NEW.rank, NEW.seq
     WHERE NEW.state = 'queued' AND NEW.lane IS NOT NULL
        ON CONFLICT (queue, lane) DO UPDATE
       SET rank = excluded.rank, seq = excluded.seq, gate = NULL, until = NULL
     WHERE (excluded.rank, excluded.seq) < (treadle_lane.rank, treadle_lane.seq);
    UPDATE treadle_lane SET gate = NULL, until = NULL
     WHERE OLD.worker IS NULL AND OLD.finished_at IS NULL AND instr(substr(OLD.lane, 2), '["order",') > 0
       AND (NEW.finished_at IS NOT NULL OR NEW.queue <> OLD.queue OR NEW.lane IS NOT OLD.lane)
       AND gate IN (SELECT name FROM treadle_standing WHERE holder = OLD.id AND holder <> '');
    UPDATE treadle_standing SET holder = '', idle_at = max(until, spaced_until)
     WHERE OLD.worker IS NULL AND OLD.finished_at IS NULL AND instr(substr(OLD.lane, 2), '["order",') > 0
       AND (NEW.finished_at IS NOT NULL OR NEW.queue <> OLD.queue OR NEW.lane IS NOT OLD.lane)
       AND holder = OLD.id AND holder <> '';
END;

CREATE TRIGGER treadle_job_deleted AFTER DELETE ON treadle_job
  WHEN OLD.lane IS NOT NULL AND OLD.finished_at IS NULL
BEGIN
    UPDATE treadle_lane SET gate = NULL, until = NULL
     WHERE OLD.state = 'queued' AND queue = OLD.queue AND lane = OLD.lane AND gate IS NOT NULL;
    UPDATE treadle_lane SET gate = NULL, until = NULL
     WHERE gate IN (SELECT name FROM treadle_standing WHERE holder = OLD.id AND holder <> '');
    UPDATE treadle_standing SET holder = '', idle_at = max(until, spaced_until)
     WHERE holder = OLD.id AND holder <> '';
END;

-- A tenant with an open lane takes turns.

CREATE TRIGGER treadle_lane_begun AFTER INSERT ON treadle_lane WHEN NEW.gate IS NULL
BEGIN
    INSERT INTO treadle_turn (queue, tenant, paid, open) VALUES (NEW.queue, NEW.tenant, 0, 1)
        ON CONFLICT (queue, tenant) DO UPDATE SET open = 1 WHERE treadle_turn.open = 0;
END;

CREATE TRIGGER treadle_lane_opened AFTER UPDATE OF gate ON treadle_lane WHEN NEW.gate IS NULL AND OLD.gate IS NOT NULL
BEGIN
    INSERT INTO treadle_turn (queue, tenant, paid, open) VALUES (NEW.queue, NEW.tenant, 0, 1)
        ON CONFLICT (queue, tenant) DO UPDATE SET open = 1 WHERE treadle_turn.open = 0;
END;
