"""Every example in our pages runs: each page in a folder of its own, its blocks from top to bottom.

- `python` is a program that must end well. After `<!-- file: app.py -->` it is kept by that name and then run.
- `console` holds `$ commands` and, below each, what it prints; `...` stands for anything.
- `json` and `toml` must parse. After `<!-- file: … -->` any block is kept.
- `<!-- output -->` before a block: the program above prints exactly this.
- `<!-- not run: why -->` is the only way out. `bash` and `sh` are not: use `console`.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.markdown import Block, blocks
from tests.docs.pages import ROOT, name, pages

SECONDS = 60


def run(command: list[str] | str, folder: Path) -> str:
    """Run one command of a reader, in the folder of the page, and give back what it printed."""
    places = [str(ROOT / "src"), str(folder)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    env = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": os.pathsep.join(places),
        "PYTHONWARNINGS": "error",
        "COLUMNS": "120",
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        shell=isinstance(command, str),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def sessions(text: str) -> list[tuple[str, str]]:
    """Split a console block into its commands and what each is said to print."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert not parts[0].strip(), "a console block begins with `$ `"
    pairs = (part.replace("\\\n", "").partition("\n") for part in parts[1:])
    return [(command, expected) for command, _, expected in pairs]


def matches(expected: str, printed: str) -> bool:
    """Compare what is promised with what came; `...` stands for anything, also several lines."""
    pattern = r".*?".join(re.escape(piece) for piece in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), flags=re.DOTALL) is not None


def perform(block: Block, folder: Path, printed: str) -> str:
    """Do what a block shows; give back what it printed."""
    if block.word == "file":
        target = folder / block.value
        assert target.resolve().is_relative_to(folder.resolve()), f"{block.value} leaves the page's folder"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text, encoding="utf-8")
    if block.word == "output":
        assert matches(block.text, printed), f"printed was:\n{printed}"
        return printed
    match block.language:
        case "python":
            program = folder / (block.value if block.word == "file" else f"line_{block.line}.py")
            program.write_text(block.text, encoding="utf-8")
            return run([sys.executable, str(program)], folder)
        case "console":
            for command, expected in sessions(block.text):
                printed = run(command, folder)
                assert not expected.strip() or matches(expected, printed), f"{command} printed:\n{printed}"
            return printed
        case "json":
            json.loads(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "bash" | "sh" | "shell":
            pytest.fail("write shell examples as `console`, with `$ ` before each command, so that they can run")
    return ""


def to_run(page: Path) -> list[Block]:
    """List the blocks of a page that take part; a block that does not must say why."""
    every = blocks(page.read_text(encoding="utf-8"))
    silent = [block.line for block in every if block.word == "not run" and not block.value]
    assert not silent, f"{name(page)}, lines {silent}: `not run` needs a reason"
    return [block for block in every if block.word != "not run"]


@pytest.mark.parametrize("page", [page for page in pages() if "```" in page.read_text(encoding="utf-8")], ids=name)
def test_every_example_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    printed = ""
    for block in to_run(page):
        try:
            printed = perform(block, tmp_path, printed)
        except (AssertionError, ValueError, subprocess.TimeoutExpired, pytest.fail.Exception) as error:
            pytest.fail(f"{name(page)}, line {block.line}: {error}", pytrace=False)


def test_a_program_that_fails_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no such thing"):
        perform(Block(1, "python", "raise SystemExit('no such thing')\n"), tmp_path, "")


def test_a_console_block_is_held_to_what_it_promises(tmp_path: Path) -> None:
    block = Block(1, "console", f'$ "{sys.executable}" -c "print(12 * 2)"\n2...\n')
    assert perform(block, tmp_path, "").strip() == "24"
    with pytest.raises(AssertionError, match="printed"):
        perform(Block(1, "console", block.text.replace("2...", "25")), tmp_path, "")


def test_a_file_is_kept_for_the_blocks_below(tmp_path: Path) -> None:
    perform(Block(1, "python", "x = 7\n", "file", "kept.py"), tmp_path, "")
    printed = perform(Block(5, "python", "import kept\nprint(kept.x)\n"), tmp_path, "")
    perform(Block(9, "text", "7\n", "output"), tmp_path, printed)


def test_a_file_cannot_leave_the_folder_of_its_page(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="leaves"):
        perform(Block(1, "toml", "", "file", "../x.toml"), tmp_path, "")
