"""The project's habits, one command each; `python3 dev.py` lists them. Standard library only.

It makes an environment (`.venv`) with what a command needs and runs the command in it. What the commands check is
configured in pyproject.toml; this file only calls.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python gets this sentence, so nothing above may be newer
    sys.exit(
        f"Treadle needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).\n"
        "Install a newer one and start dev.py with it, for example: python3.12 dev.py"
    )

from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
STAMP = VENV / "treadle-setup.json"
CONSTRAINTS = ROOT / "constraints.txt"

DEMO = frozenset({"all"})
EVERYTHING = frozenset({"all", "test", "dev"})
# Bracketed, so that this line is no hit of its own: machine paths and the hosts of package registries.
PRIVATE = r"/w[o]rk/[a-z.]|/r[o]ot/|p[y]pi[.]org|files[.]pythonh[o]sted|registry[.]n[p]mjs|deb[.]debi[a]n[.]org"


def say(text: str) -> None:
    """Tell a person what goes on. On stderr: stdout belongs to the command that runs."""
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------------- the environment


def environment_key() -> str:
    """Hash what decides the environment: the two requirement files, the Python and the folder."""
    facts = f"{sys.implementation.name} {sys.version_info[:2]} {sys.platform} {ROOT}".encode()
    parts = [(ROOT / "pyproject.toml").read_bytes(), CONSTRAINTS.read_bytes(), facts]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def read_stamp() -> dict[str, object]:
    """Say what is in the environment; nothing if nobody knows."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def installed_extras(stamp: dict[str, object]) -> frozenset[str]:
    """Name the extras that a stamp speaks of."""
    extras = stamp.get("extras", [])
    return frozenset(map(str, extras)) if isinstance(extras, list) else frozenset()


def is_ready(stamp: dict[str, object], key: str, extras: frozenset[str]) -> bool:
    """Tell whether an environment with this stamp serves a command that needs these extras."""
    return bool(stamp.get("done")) and stamp.get("key") == key and extras <= installed_extras(stamp)


def is_broken(stamp: dict[str, object]) -> bool:
    """Tell whether the environment must be made anew: interrupted half-way, moved, or of another Python."""
    if not PYTHON.exists() or (stamp and (not stamp.get("done") or stamp.get("root") != str(ROOT))):
        return True
    ask = [str(PYTHON), "-c", "import sys; print(sys.version_info[:2], sys.prefix)"]
    answer = subprocess.run(ask, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return answer.stdout.strip() != f"{sys.version_info[:2]} {VENV}"


def write_stamp(key: str, extras: frozenset[str], done: bool) -> None:
    stamp = {"key": key, "root": str(ROOT), "extras": sorted(extras), "done": done}
    STAMP.write_text(json.dumps(stamp), encoding="utf-8")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let only one dev.py change the environment. The system frees the lock of a process that dies."""
    with (ROOT / ".venv.lock").open("a+b") as lock:
        # Inherited by the steps: if dev.py is killed, the pip it leaves behind still holds the lock.
        os.set_inheritable(lock.fileno(), True)
        if sys.platform == "win32":
            import msvcrt

            lock.seek(0)
            taken = False
            while not taken:
                with suppress(OSError):  # LK_LOCK gives up after ten seconds; we do not
                    msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
                    taken = True
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(extras: frozenset[str]) -> None:
    """Make sure that `.venv` holds the package with these extras. Cheap when it does."""
    key = environment_key()
    if PYTHON.exists() and is_ready(read_stamp(), key, extras):
        return
    with one_at_a_time():
        stamp = read_stamp()
        if PYTHON.exists() and is_ready(stamp, key, extras):
            return  # another dev.py has just done it
        if is_broken(stamp):
            make_venv()
            stamp = {}
        wanted = extras | installed_extras(stamp)
        write_stamp(key, wanted, done=False)
        if not install(wanted):
            STAMP.write_text(json.dumps(stamp), encoding="utf-8")  # pip put back what was there
            sys.exit("The packages could not be installed (see above). Is a package index within reach? Try again.")
        write_stamp(key, wanted, done=True)
        say("the environment is ready")


def make_venv() -> None:
    """Create an empty `.venv`, in place of whatever half of one is there."""
    if Path(sys.prefix) == VENV:
        sys.exit("dev.py must rebuild .venv and cannot while running from it: run `deactivate`, then try again.")
    say(f"step 1 of 2: an environment in .venv (Python {sys.version.split()[0]})")
    clear_away()
    VENV.mkdir()
    write_stamp("", frozenset(), done=False)
    command = [sys.executable, "-m", "venv", str(VENV)]
    if run_quietly(command) == 0:
        return
    # Debian's Python comes without ensurepip unless python3-venv is installed; its pip can fill a bare environment.
    say("this Python has no ensurepip; its own pip will do")
    if run_quietly([*command, "--without-pip"]) or run_quietly([sys.executable, "-m", "pip", "--version"]):
        sys.exit(
            "This Python can make no environment: it has neither ensurepip nor pip.\n"
            "On Debian or Ubuntu: apt-get install python3-venv. Elsewhere install Python from its own installer."
        )


def clear_away() -> None:
    """Remove `.venv`, out of the way first: an interrupted removal must not pass for an environment."""
    old = ROOT / ".venv.old"
    shutil.rmtree(old, ignore_errors=True)
    if VENV.exists():
        VENV.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def installers() -> list[tuple[str, list[str]]]:
    """List the ways to install into `.venv`, by name, best first; the second is the retry."""
    has_pip = subprocess.run([str(PYTHON), "-c", "import pip"], stderr=subprocess.DEVNULL).returncode == 0
    pip = [str(PYTHON), "-m", "pip"] if has_pip else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    pip += ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    uv = shutil.which("uv")
    if uv is None:
        return [("pip", pip), ("pip once more", pip)]
    # uv knows nothing of pip's configuration: where only pip knows the way, the second try takes it.
    return [("uv", [uv, "pip", "install", "--quiet", "--no-progress", "--python", str(PYTHON)]), ("pip", pip)]


def install(extras: frozenset[str]) -> bool:
    """Install the package, editable, with its extras at the pinned versions; false if no installer could."""
    wish = f"[{','.join(sorted(extras))}]"
    for name, installer in installers():
        say(f"step 2 of 2: installing treadle{wish} by {name} (a minute or two, the first time) …")
        if run_quietly([*installer, "--constraint", CONSTRAINTS.name, "--editable", f".{wish}"]) == 0:
            return True
    return False


# ---------------------------------------------------------------------------------------------------- running things


def run_quietly(command: Sequence[str]) -> int:
    """Run a step of the set-up that asks nothing; what it said is shown, on stderr, if it failed."""
    step = subprocess.run(
        command,
        cwd=ROOT,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=False,
    )
    if step.returncode:
        sys.stderr.write(step.stdout.decode(errors="replace"))
    return step.returncode


def surroundings() -> dict[str, str]:
    """Build the environment variables for what runs in `.venv`."""
    path = os.pathsep.join([str(PYTHON.parent), os.environ.get("PATH", os.defpath)])
    fixed = {
        "PATH": path,
        "VIRTUAL_ENV": str(VENV),
        "UV_PYTHON_DOWNLOADS": "never",
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
    }
    return {**{k: v for k, v in os.environ.items() if k != "PYTHONHOME"}, **fixed}


def call(program: str, *args: str) -> bool:
    """Run a program of the environment; true if it was content."""
    found = shutil.which(program, path=str(PYTHON.parent))
    return subprocess.run([found or program, *args], cwd=ROOT, env=surroundings()).returncode == 0


def become(*command: str, environ: dict[str, str] | None = None) -> int:
    """Turn into a module of the environment's Python, so that signals and the exit code are its own."""
    argv = [str(PYTHON), "-m", *command]
    sys.stderr.flush()
    if WINDOWS:  # has no exec that waits
        return subprocess.run(argv, cwd=ROOT, env=environ or surroundings()).returncode
    os.chdir(ROOT)
    os.execve(argv[0], argv, environ or surroundings())


def present(*folders: str) -> list[str]:
    return [folder for folder in folders if (ROOT / folder).exists()]


# -------------------------------------------------------------------------------------------------------- the commands


def setup(args: list[str]) -> int:
    """An environment (.venv) with everything; --fresh builds it anew."""
    if "--fresh" in args:
        STAMP.unlink(missing_ok=True)
        with one_at_a_time():
            make_venv()
    set_up(EVERYTHING)
    return 0


def fmt(args: list[str]) -> int:
    """Formats the code and mends what lint can mend."""
    set_up(EVERYTHING)
    mended = call("ruff", "check", "--fix-only", "--quiet", *(args or ["."]))
    return 0 if call("ruff", "format", *(args or ["."])) and mended else 1


def check(args: list[str]) -> int:
    """Lint, strict types, import directions, no machine's paths. Run it before every commit."""
    set_up(EVERYTHING)
    typed = present("src", "tests", "bench", "examples", "dev.py")
    steps: dict[str, Callable[[], bool]] = {
        "format": lambda: call("ruff", "format", "--check", "--quiet", "--output-format", "concise", "."),
        "lint": lambda: call("ruff", "check", "--quiet", "--output-format", "concise", "."),
        "types": lambda: call("mypy", "--no-error-summary", *typed),
        "public types (pyright)": check_public_types,
        "imports": lambda: call("lint-imports", "--no-cache", "--no-logo"),
        "paths": names_no_machine,
    }
    failed = [name for name, step in steps.items() if not report(name, step)]
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all well'}", flush=True)
    return 1 if failed else 0


def report(name: str, step: Callable[[], bool]) -> bool:
    print(f"check: {name} …", flush=True)
    return step()


def check_public_types() -> bool:
    """Run pyright over the typing examples; mypy has already read them."""
    return not present("tests/typing") or call("pyright", "--pythonpath", str(PYTHON))


def names_no_machine() -> bool:
    """Tell whether no file names a path of somebody's machine or the host of a package registry."""
    git = shutil.which("git")
    if git is None:
        print("git is not installed: paths are not checked")
        return True
    command = [git, "grep", "--no-index", "--exclude-standard", "-nEI", PRIVATE, "--", "."]
    return subprocess.run(command, cwd=ROOT).returncode == 1  # 1: looked, found nothing


def test(args: list[str]) -> int:
    """Every test; --fast leaves out the slow ones and servers, --ci turns skips into failures."""
    set_up(EVERYTHING)
    rest = [arg for arg in args if arg != "--fast"]
    fast = ["-m", "not slow and not server"] if "--fast" in args else []
    return become("pytest", *fast, *rest)


def docs(args: list[str]) -> int:
    """Follows the links of the docs and runs every example in them."""
    set_up(EVERYTHING)
    return become("pytest", "tests/docs", *args)


def bench(args: list[str]) -> int:
    """The few numbers we publish, as ratios to a baseline taken in the same run."""
    set_up(EVERYTHING)
    return become("bench", *args)


def demo(args: list[str]) -> int:
    """The main job on real sample mail; --once runs it headless to its end, --json prints the figures."""
    set_up(DEMO)
    # With the caller's own PATH: what the demo says to type next must work in the caller's shell.
    return become("treadle", "up", "--demo", *args, environ=dict(os.environ))


def pin(args: list[str]) -> int:
    """Writes constraints.txt anew: the newest versions that pyproject.toml allows. Read the diff."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / PYTHON.relative_to(VENV)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", f"{ROOT}[{','.join(sorted(EVERYTHING))}]"], check=True
        )
        listing = subprocess.run([python, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True)
    found = {re.sub(r"[-_.]+", "-", one["name"]).lower(): one["version"] for one in json.loads(listing.stdout)}
    lines = [f"{name}=={found[name]}" for name in sorted(found.keys() - {"pip", "setuptools", "treadle"})]
    CONSTRAINTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    say(f"{len(lines)} versions in constraints.txt; run `python3 dev.py test` with them before you commit")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    command.__name__: command for command in (setup, fmt, check, test, docs, bench, demo, pin)
}


def main(args: list[str]) -> int:
    """Run the command that is named first, or list them all."""
    if args and args[0] in COMMANDS:
        return COMMANDS[args[0]](args[1:])
    for name, command in COMMANDS.items():
        print(f"python3 dev.py {name:6} {(command.__doc__ or '').splitlines()[0]}")
    known = not args or args[0] in ("-h", "--help", "help")
    if not known:
        print(f"\ndev.py knows no command {args[0]!r}; it knows those above.", file=sys.stderr)
    return 0 if known else 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
