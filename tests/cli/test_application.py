"""The application of all packs, and those that cannot be loaded."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from treadle import ConfigError, MissingExtra, Pack
from treadle.cli.application import GROUP, app_of_packs, default_app, load_pack, store_source
from treadle.locate import find_application


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_every_installed_pack_is_included(here: Path) -> None:
    app, left_out = app_of_packs()
    assert left_out == []
    assert {"ai", "crm", "mail", "notify", "pipeline"} <= {pack.name for pack in app.packs}
    assert list(here.iterdir()) == []


def test_a_child_process_finds_the_same_application(here: Path) -> None:
    app = default_app()
    assert app.place is not None
    assert set(find_application(*app.place).tasks) == set(app.tasks)


@pytest.mark.parametrize(("name", "extra"), [("mail", "mail"), ("pipeline", "all"), ("their_own", "all")])
def test_a_pack_without_its_libraries_names_what_installs_them(
    name: str, extra: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "needy_pack.py").write_text("import no_such_library.part\n")
    monkeypatch.syspath_prepend(str(here))
    with pytest.raises(MissingExtra, match=r"no_such_library.*pip install 'treadle\[" + extra):
        load_pack(entry(name, "needy_pack:pack"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("treadle.no_such_module:pack", "is installed but not there"),
        ("treadle.packs.mail:no_such_name", "cannot be used"),
        ("treadle.cli.exits:Exit", "is not a Pack"),
    ],
)
def test_a_pack_that_is_none_is_named(value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_pack(entry("odd", value))


def test_a_pack_that_works_is_loaded() -> None:
    assert isinstance(load_pack(entry("mail", "treadle.packs.mail:pack")), Pack)


@pytest.mark.parametrize(
    ("flag", "environ", "source"),
    [
        ("sqlite:///a.db", {"TREADLE_STORE": "b"}, "--store"),
        (None, {"TREADLE_STORE": "b", "DATABASE_URL": "c"}, "TREADLE_STORE"),
        (None, {"TREADLE_STORE": "", "DATABASE_URL": "c", "REDIS_URL": "d"}, "DATABASE_URL"),
        (None, {"REDIS_URL": "d"}, "REDIS_URL"),
        (None, {}, "by default"),
    ],
)
def test_what_decided_about_the_store_is_said(flag: str | None, environ: dict[str, str], source: str) -> None:
    assert store_source(flag, environ) == source
