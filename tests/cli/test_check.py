"""Before a deploy: what would break is named, and what would not is left alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.acting import Answer
from treadle import Treadle
from treadle.core.job import Filter
from treadle.core.states import State

Call = Callable[..., Answer]

HEAD = (
    "from datetime import timedelta\nfrom treadle import Treadle\napp = Treadle('sqlite:///jobs.db', queues={queues})\n"
)

OLD = """
@app.task
def sync(user_id: str, days: int = 7) -> None: ...
@app.task(queue='mail')
def send(to: str) -> None: ...
"""

SAME = [
    OLD,
    OLD.replace("days: int = 7", "days: int = 30, full: bool = False"),
    OLD.replace("days: int = 7", "days: int | None = None"),
    OLD.replace("user_id: str", "user_id: str | int"),
    OLD.replace("def sync(user_id: str, days: int = 7)", "def sync(user_id: str, **more: object)"),
    OLD.replace("days: int", "days: float"),
    OLD + "@app.task\ndef another() -> None: ...\n",
    OLD.replace("(queue='mail')", "(queue='post')").replace("@app.task\n", "@app.task\n", 1)
    + "app._queues.add('mail')\n",
]

BROKEN = [
    (OLD.replace("days: int = 7", "days: int = 7, *, account: str"), "arguments", "sync", "account"),
    (OLD.replace("days: int", "days: bool"), "arguments", "sync", "'days'"),
    (OLD.replace("user_id", "user"), "arguments", "sync", "user"),
    (OLD.replace("def sync", "def synchronize"), "task", "sync", "not in this application"),
    (OLD.replace("'mail'", "'post'"), "queue", "mail", "no worker of this application would serve"),
]


@pytest.fixture
def deploy(here: Path, cli: Call) -> Callable[..., Answer]:
    """Enqueue with the old code, then ask with the new."""
    app = Treadle("sqlite:///jobs.db")

    @app.task
    def sync(user_id: str, days: int = 7) -> None: ...

    @app.task(queue="mail")
    def send(to: str) -> None: ...

    sync.using(id="s1").enqueue("u1", days=3)
    sync.using(id="s2", run_after=3600).enqueue("u2", days=3)
    send.using(id="m1").enqueue("ada@example.org")
    app.close()

    def ask(code: str, *options: str, queues: str = "[]", name: str = "fresh") -> Answer:
        (here / f"{name}.py").write_text(HEAD.format(queues=queues) + code, encoding="utf-8")
        return cli("check", "--app", f"{name}:app", *options)

    return ask


@pytest.mark.parametrize("number", range(len(SAME)))
def test_a_compatible_change_raises_no_alarm(number: int, deploy: Callable[..., Answer]) -> None:
    answer = deploy(SAME[number], "--json", name=f"same{number}")
    assert (answer.code, answer.document["problems"]) == (0, [])
    assert (answer.document["jobs"], answer.document["tasks"]) == (3, 2)


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_what_would_break_is_named_with_its_jobs(number: int, deploy: Callable[..., Answer]) -> None:
    code, kind, name, says = BROKEN[number]
    answer = deploy(code, "--json", name=f"broken{number}")
    assert (answer.code, answer.document["ok"]) == (1, False)
    (problem,) = answer.document["problems"]
    assert (problem["kind"], problem["name"], problem["breaks"]) == (kind, name, True)
    assert says in problem["says"]
    assert problem["jobs"] == (1 if name == "mail" else 2)
    assert problem["examples"] == (["m1"] if name == "mail" else ["s2", "s1"])


def test_people_see_a_table_and_a_verdict(deploy: Callable[..., Answer]) -> None:
    good = deploy(OLD, name="people0")
    assert (good.code, good.out) == (0, "")
    assert "3 live jobs of 2 tasks in sqlite:///jobs.db: nothing would break." in good.err
    bad = deploy(OLD.replace("user_id: str", "user_id: int"), name="people1")
    assert bad.code == 1
    assert bad.out.splitlines()[0].split() == ["PROBLEM", "NAME", "JOBS", "WHAT", "EXAMPLES"]
    assert "this would break" in bad.err


def test_what_is_meant_to_be_gone_is_accepted(deploy: Callable[..., Answer]) -> None:
    answer = deploy(OLD.replace("def sync", "def synchronize"), "--accept", "sync", "--json", name="accepted")
    assert answer.code == 0
    assert [(problem["name"], problem["breaks"]) for problem in answer.document["problems"]] == [("sync", False)]


def test_ended_jobs_break_nothing(deploy: Callable[..., Answer], cli: Call) -> None:
    cli("job", "cancel", "--all", "--yes", "--store", "sqlite:///jobs.db")
    answer = deploy("", "--json", name="ended")
    assert (answer.code, answer.document["jobs"]) == (0, 0)


def test_a_task_that_was_unknown_before_is_no_new_harm(here: Path, deploy: Callable[..., Answer]) -> None:
    app = Treadle("sqlite:///jobs.db", queues=["mail"])
    app.wait(app.store.hold([job.id for job in app.jobs().items], "unknown_task"))
    assert app.wait(app.store.count(Filter(states=(State.HELD,)))) != {}
    app.close()
    answer = deploy("", "--json", queues="['mail']", name="unknown")
    assert answer.code == 0
    assert {problem["breaks"] for problem in answer.document["problems"]} == {False}


@pytest.mark.parametrize(
    ("code", "ok", "says"),
    [
        ("app.every(timedelta(hours=1), name='hourly')(tick)", True, None),
        ("", True, "is not scheduled any more"),
        (None, False, "points nowhere"),
    ],
)
def test_schedules_that_point_nowhere_are_found(
    code: str | None, ok: bool, says: str | None, here: Path, cli: Call, deploy: Callable[..., Answer]
) -> None:
    app = Treadle("sqlite:///jobs.db")

    name = "tick" if code == "" else "hourly"
    last = {"last": app.wait(app.store.now()), "text": "every 1:00:00"}
    app.wait(app.store.write("schedule", name, json.dumps(last)))
    app.close()
    declared = OLD if code is None else OLD + "@app.task\ndef tick() -> None: ...\n" + code
    answer = deploy(declared, "--json", name=f"schedules{len(declared)}")
    assert (answer.code == 0) is ok
    assert [says in problem["says"] for problem in answer.document["problems"]] == ([True] if says else [])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--app", "no_such_module"], 2, "no module 'no_such_module'"),
        (["--app", "a-b"], 2, "names no application"),
        (["--store", "sqlite:///elsewhere.db"], 5, "There is no job database at elsewhere.db"),
        (["--frob"], 2, "No such option"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(
    arguments: list[str], code: int, said: str, here: Path, cli: Call
) -> None:
    answer = cli("check", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert list(here.iterdir()) == []
