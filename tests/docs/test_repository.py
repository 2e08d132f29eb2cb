"""The repository keeps its own rules: what is pinned, what is in the wheel, what packs may see."""

import ast
import re
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.docs.pages import ROOT
from treadle import MissingExtra, Pack, Treadle

PACKAGE = ROOT / "src" / "treadle"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_constraints_hold_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.+]*", line)] == []
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(set(names))


def test_everything_that_an_extra_names_is_pinned() -> None:
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    named = [*PROJECT["dependencies"], *(need for extra in PROJECT["optional-dependencies"].values() for need in extra)]
    names = {re.split(r"[\[<>=!~; ]", need)[0].lower() for need in named} - {"treadle"}
    assert names - pinned == set()


def shipped() -> Iterator[str]:
    """Name every file of the package, as it should be in the wheel."""
    for path in PACKAGE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".DS_Store":
            yield path.relative_to(PACKAGE.parent).as_posix()


def test_every_file_of_the_package_is_in_the_wheel(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert set(shipped()) - packed == set()
    assert "treadle/py.typed" in packed
    assert [name for name in packed if not name.startswith(("treadle/", "treadle-"))] == []


def imported(module: Path) -> Iterator[str]:
    """Name the modules that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from [f"treadle.{alias.name}" for alias in node.names] if node.module == "treadle" else [node.module]


def is_private(name: str) -> bool:
    """Tell whether a pack reaches behind the public surface: into any part of treadle but packs and samples."""
    inside = [part.name.removesuffix(".py") for part in PACKAGE.iterdir()] if PACKAGE.exists() else []
    top, _, rest = name.partition(".")
    return top == "treadle" and rest.split(".")[0] in set(inside) - {"packs", "samples"}


@pytest.mark.parametrize(
    "module", sorted((PACKAGE / "packs").rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_a_pack_sees_only_what_treadle_exports(module: Path) -> None:
    assert [name for name in imported(module) if is_private(name)] == []


@pytest.mark.parametrize(("name", "target"), PROJECT["entry-points"]["treadle.packs"].items())
def test_an_entry_point_names_a_pack_of_that_name(name: str, target: str) -> None:
    assert EntryPoint(name, target, "treadle.packs").load().name == name


def test_a_pack_whose_libraries_are_missing_names_the_command_that_brings_them() -> None:
    with pytest.raises(MissingExtra, match=r"needs no_such_library.*pip install 'treadle\[mail\]'"):
        Treadle("sqlite:///never-opened.db").include(Pack("letters", needs=("json", "no_such_library"), extra="mail"))
