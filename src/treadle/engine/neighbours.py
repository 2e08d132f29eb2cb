"""Telling whether the process of another worker on this host still lives; only proof counts."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from treadle.core.job import WorkerInfo


def identify(id: str, queues: Iterable[str], slots: int) -> WorkerInfo:
    """Describe this process so that a later one can tell whether it is gone."""
    pid = os.getpid()
    return WorkerInfo(
        id=id, host=socket.gethostname(), space=pid_space(), pid=pid, born=born(pid), queues=tuple(queues), slots=slots
    )


def provably_dead(worker: WorkerInfo, me: WorkerInfo) -> bool:
    """Say whether this worker's process is certainly gone: same host, boot and pid space, and no such process."""
    if not worker.space or (worker.host, worker.space) != (me.host, me.space):
        return False
    return born(worker.pid) != worker.born


def pid_space() -> str:
    """Name the boot and the process-id namespace; empty where the system does not tell (then nothing is provable)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def born(pid: int) -> str:
    """Read when the kernel started this process (proc(5), stat field 22); empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    # A zombie has ended: only its parent has not looked yet.
    return "" if fields[0] in ("Z", "X") else fields[19]
