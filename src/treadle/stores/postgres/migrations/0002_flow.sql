-- Who may run now: lanes of jobs, turns of tenants, and what is remembered of gates. All of it is written under one lock
-- (flow_lock.sql), so that no lane need be unique by an index, whose entries may not be as long as these names are.
-- Whoever makes a job wait, or takes one away, does not take that lock, for a user's transaction may stay open for long:
-- it leaves word in `arrival`, and the next claim under the lock reads that first.

CREATE TABLE treadle.arrival (
    queue   text COLLATE "C" NOT NULL,
    lane    text COLLATE "C",
    tenant  text COLLATE "C",
    rank    bigint,
    seq     bigint,
    id      text COLLATE "C",
    told    text
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

COMMENT ON COLUMN treadle.arrival.rank IS 'where the newcomer stands; NULL: somebody has left the lane otherwise than by a claim';

COMMENT ON COLUMN treadle.arrival.id IS 'the job that has left for good';

COMMENT ON COLUMN treadle.arrival.told IS 'how its attempt has ended, where that was told in a transaction of a user: JSON';

-- Each who holds the lock has the next number, so that whoever had the one before knows that nobody was there between.
CREATE SEQUENCE treadle.holder;

-- Without a key: each claim moves a lane in every index there is, and who holds the lock finds it again where it was.
CREATE TABLE treadle.lane (
    rank    bigint NOT NULL,
    seq     bigint NOT NULL,
    until   bigint,
    queue   text COLLATE "C" NOT NULL,
    tenant  text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    gate    text COLLATE "C"
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

COMMENT ON COLUMN treadle.lane.rank IS 'where its first job stands, or better';

COMMENT ON COLUMN treadle.lane.gate IS 'what its first job has to wait for; NULL: it is open';

CREATE INDEX lane_name ON treadle.lane (queue, hashtextextended(name, 0));

CREATE INDEX lane_open ON treadle.lane (queue, tenant, rank, seq) WHERE gate IS NULL;

CREATE INDEX lane_shut ON treadle.lane (hashtextextended(gate, 0), queue, tenant, rank, seq) WHERE gate IS NOT NULL;

CREATE INDEX lane_due ON treadle.lane (queue, until) WHERE until IS NOT NULL;

CREATE TABLE treadle.turn (
    paid    bigint NOT NULL,
    open    boolean NOT NULL,
    queue   text COLLATE "C" NOT NULL,
    tenant  text COLLATE "C" NOT NULL,
    PRIMARY KEY (queue, tenant)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

COMMENT ON COLUMN treadle.turn.open IS 'it has an open lane';

CREATE INDEX turn_next ON treadle.turn (queue, paid) WHERE open;

CREATE TABLE treadle.line (
    queue  text COLLATE "C" PRIMARY KEY,
    clock  bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- No index has what changes at each claim, so that its rows are changed where they stand.
CREATE TABLE treadle.standing (
    key           uuid PRIMARY KEY,
    used          bigint NOT NULL,
    mark          bigint NOT NULL,
    until         bigint NOT NULL,
    spacing       bigint NOT NULL,
    spaced_until  bigint NOT NULL,
    idle_at       bigint,
    holder        text NOT NULL,
    name          text COLLATE "C" NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

COMMENT ON COLUMN treadle.standing.key IS 'a hash of the name (book.py), which may be longer than an index takes';

COMMENT ON COLUMN treadle.standing.idle_at IS 'from when on it says no more than none would';

-- Triggers, so that nobody can forget to leave word. What is inserted leaves its word itself, once a lane: arrive.sql.

CREATE FUNCTION treadle.leave_word() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ordered boolean := strpos(substr(old.lane, 2), '["order",') > 0;
    gone text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO treadle.arrival (queue, lane, id) VALUES (old.queue, old.lane, coalesce(old.name, old.key::text));
        RETURN NULL;
    END IF;
    IF ordered AND old.worker IS NULL
       AND (new.finished_at IS NOT NULL OR new.queue <> old.queue OR new.lane IS DISTINCT FROM old.lane) THEN
        gone := coalesce(old.name, old.key::text);
    END IF;
    IF gone IS NOT NULL OR old.state = 'queued' AND old.lane IS NOT NULL THEN
        INSERT INTO treadle.arrival (queue, lane, id) VALUES (old.queue, old.lane, gone);
    END IF;
    IF new.state = 'queued' AND new.lane IS NOT NULL THEN
        INSERT INTO treadle.arrival (queue, lane, tenant, rank, seq)
        VALUES (new.queue, new.lane, new.lane::json->>1, new.rank, new.seq);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER moved AFTER UPDATE OF state, queue, lane, rank ON treadle.job FOR EACH ROW
  WHEN ((old.lane IS NOT NULL OR new.lane IS NOT NULL)
        AND (old.state, old.queue, old.lane, old.rank) IS DISTINCT FROM (new.state, new.queue, new.lane, new.rank)
        AND new.state <> 'running' AND (new.state = 'queued' OR old.worker IS NULL AND old.finished_at IS NULL))
  EXECUTE FUNCTION treadle.leave_word();

CREATE TRIGGER deleted AFTER DELETE ON treadle.job FOR EACH ROW
  WHEN (old.lane IS NOT NULL AND old.finished_at IS NULL)
  EXECUTE FUNCTION treadle.leave_word();
