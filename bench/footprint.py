"""What Treadle weighs: CPU of an import and of `--help` as whole processes, memory of an idle worker."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def cpu_ms(arguments: list[str], runs: int = 7) -> float:
    """The median CPU milliseconds of a command as a whole process."""
    found = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    return statistics.median(found)


IDLE = """
import sys
from treadle import Treadle
app = Treadle(sys.argv[1])

@app.task
async def noop() -> None: ...

app.run()
"""


def idle_memory() -> float:
    """MiB that a worker without packs holds after it has run a thousand jobs and is idle."""
    with tempfile.TemporaryDirectory() as folder:
        from treadle import State, Treadle

        app = Treadle(f"sqlite:///{folder}/jobs.db")

        @app.task
        async def noop() -> None: ...

        noop.enqueue_many([{}] * 1_000)
        worker = subprocess.Popen([sys.executable, "-c", IDLE, app.store.url])
        deadline = time.monotonic() + 30
        while app.count(states=("queued", "running"))[State.QUEUED] and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        status = Path(f"/proc/{worker.pid}/status").read_text()
        worker.terminate()
        worker.wait()
        app.close()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def footprint() -> dict[str, float]:
    """All of it."""
    bare = cpu_ms(["-c", "pass"])
    told = {
        "bare python CPU ms": bare,
        "import treadle CPU ms, whole process": cpu_ms(["-c", "import treadle"]),
        "treadle --help CPU ms, whole process": cpu_ms(["-m", "treadle", "--help"]),
    }
    if os.path.exists("/proc/self/status"):
        told["idle worker MiB"] = idle_memory()
    return told
