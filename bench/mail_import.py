"""How fast a mailbox comes in, against the least that any import must do: a bare parse of the same bytes.

`python -m bench.mail_import` prints the median ratio of interleaved rounds in one process. The import reads a folder
of .eml files, parses, threads, compresses and stores in slices of 100 with WAL and synchronous=FULL; the baseline is
stdlib compat32 with a walk and the decoding of all text. The 1,300 real messages are used where the shared corpus
lies beside the repository, else the shipped sample.
"""

import json
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path
from typing import Any, NamedTuple

from treadle import samples
from treadle.packs.database import Database
from treadle.packs.mail.ingest import import_mailbox
from treadle.packs.mail.sources import Item, open_source
from treadle.packs.mail.store import prepare

CORPUS = Path(__file__).parents[2] / "shared/data/mail/spamassassin-ham-1300.eml.tar.gz"
ROUNDS = 7


class Took(NamedTuple):
    """Seconds by the clock on the wall, and of this process."""

    wall: float
    cpu: float


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure; answers the ratio to the bare parse, messages a second, and what was measured."""
    with tempfile.TemporaryDirectory(prefix="treadle-bench-") as name:
        folder = Path(name)
        mailbox = _unpack(folder)
        raws = _raws(mailbox)
        _import(mailbox, folder / "warm.db")
        bare = [_timed(lambda: bare_parse(raws))]
        times: list[tuple[Took, Took]] = []
        for number in range(rounds):
            took = _import(mailbox, folder / f"{number}.db")
            bare.append(_timed(lambda: bare_parse(raws)))
            # A machine's pace drifts: each import is held against the bare parses before and after it.
            times.append((_mean(bare[-2], bare[-1]), took))
    ratios = sorted(bare.wall / took.wall for bare, took in times)
    return {
        "benchmark": "mail_import",
        "messages": len(raws),
        "bytes": sum(map(len, raws)),
        "rounds": rounds,
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "cpu_ratio": round(statistics.median(bare.cpu / took.cpu for bare, took in times), 3),
        "bare_per_second": round(len(raws) / statistics.median(bare.wall for bare, _ in times)),
        "import_per_second": round(len(raws) / statistics.median(took.wall for _, took in times)),
        "goal": 0.30,
    }


def bare_parse(raws: list[bytes]) -> int:
    """Parse and decode all text with the stdlib, and do nothing with it; answers the number of characters."""
    parser = BytesParser(policy=compat32)
    characters = 0
    for raw in raws:
        for part in parser.parsebytes(raw).walk():
            if part.get_content_maintype() == "text":
                data = part.get_payload(decode=True)
                characters += len(_decode(data, part.get_content_charset())) if isinstance(data, bytes) else 0
    return characters


def _decode(data: bytes, charset: str | None) -> str:
    try:
        return data.decode(charset or "utf-8", "replace")
    except LookupError:
        return data.decode("latin-1")


def _import(mailbox: Path, file: Path) -> Took:
    database = prepare(Database(f"sqlite:///{file}"))
    try:
        return _timed(lambda: import_mailbox(database, mailbox))
    finally:
        database.close()


def _mean(a: Took, b: Took) -> Took:
    return Took((a.wall + b.wall) / 2, (a.cpu + b.cpu) / 2)


def _timed(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def _unpack(folder: Path) -> Path:
    if not CORPUS.exists():
        return samples.path()
    with tarfile.open(CORPUS) as archive:
        archive.extractall(folder / "mail", filter="data")
    return folder / "mail"


def _raws(mailbox: Path) -> list[bytes]:
    _, source = open_source(mailbox, now=time.time_ns() // 1_000_000)
    return [item.raw for item in source.items() if isinstance(item, Item)]


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
