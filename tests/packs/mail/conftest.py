"""A database with the mail tables, and the shared corpus unpacked once a run."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from treadle.packs.database import Database
from treadle.packs.mail.store import prepare

SHARED = Path(__file__).parents[4] / "shared" / "data" / "mail"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = prepare(Database(f"sqlite:///{tmp_path / 'mail.db'}"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Find a file of the shared corpus; archives of messages come as the folder they unpack to."""

    def find(name: str) -> Path:
        file = SHARED / name
        if not file.exists():
            pytest.skip(f"the shared corpus is not here: {file}")
        if not name.endswith(".tar.gz"):
            return file
        folder = tmp_path_factory.getbasetemp() / name.removesuffix(".tar.gz")
        if not folder.exists():
            with tarfile.open(file) as archive:
                archive.extractall(folder, filter="data")
        return folder

    return find
