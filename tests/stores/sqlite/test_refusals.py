"""What cannot work is said in a sentence with a remedy, and nothing is lost by it."""
# ruff: noqa: ASYNC240 -- nobody else waits for the loops of these tests

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores.sqlite.playing import Actor
from treadle.core.errors import ConfigError, StoreError, StoreUnavailable
from treadle.core.job import Added, Filter, NewJob, WorkerInfo
from treadle.stores import open_store
from treadle.stores.clocks import wall_clock
from treadle.stores.sqlite import SqliteSettings, SqliteStore, settings_from
from treadle.stores.sqlite.connection import NETWORK, connect, file_system
from treadle.testing.contract.scene import job

Play = Callable[..., Actor]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="not on this platform: needs Linux")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite://host/jobs.db", "names a host"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "only on disk"),
        ("sqlite:///folder/", "names no file"),
        ("sqlite:///jobs.db?durability=perhaps", "full, fast"),
        ("sqlite:///jobs.db?speed=11", "'speed' is not known"),
        ("mysql://localhost/jobs", "mysql"),
        ("jobs.db", "jobs.db"),
    ],
)
def test_a_url_that_names_no_file_is_refused(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match="sqlite") as refused:
        open_store(url)
    assert told in str(refused.value)


def test_a_url_says_where_the_file_is() -> None:
    assert settings_from("sqlite:///jobs.db").path == Path("jobs.db")
    assert settings_from("sqlite:////var/lib/jobs%20of%20ada.db").path == Path("/var/lib/jobs of ada.db")
    assert settings_from("sqlite:///jobs.db?durability=fast").durability == "fast"
    assert open_store("sqlite:////x/jobs.db?durability=fast").url == "sqlite:////x/jobs.db?durability=fast"


async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"folder .*/missing.* does not exist; create it"):
        await open_store(f"sqlite:///{tmp_path}/missing/jobs.db").open()
    assert not (tmp_path / "missing").exists()


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened; is it a file"):
        await open_store(f"sqlite:///{tmp_path}").open()


async def test_a_file_of_another_kind_is_left_alone(path: Path, url: str) -> None:
    path.write_bytes(b"Dear diary, " * 1_000)
    with pytest.raises(StoreError, match="not a SQLite database; name another file"):
        await open_store(url).open()
    assert path.read_bytes() == b"Dear diary, " * 1_000


async def test_a_damaged_file_is_called_damaged(path: Path, url: str) -> None:
    store = open_store(url)
    await store.add([job(f"{number}", args=f'"{"x" * 2_000}"') for number in range(200)])
    await store.close()
    with path.open("r+b") as file:
        file.seek(8_192)
        file.write(b"\xff" * 200_000)
    store = open_store(url)
    with pytest.raises(StoreError, match="damaged; stop all workers, then restore a backup"):
        await store.count(Filter())
    await store.close()


async def test_a_newer_schema_is_refused_and_left_as_it_is(path: Path, url: str) -> None:
    store = open_store(url)
    await store.add([job("a")])
    await store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO treadle_schema VALUES (9999, 0)")
    with pytest.raises(StoreError, match=r"newer Treadle \(schema 9999.*pip install -U treadle"):
        await open_store(url).open()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM treadle_job").fetchone() == (1,)


async def test_a_file_that_another_process_locks_is_unavailable_not_broken(path: Path) -> None:
    store = SqliteStore(SqliteSettings(path, patience=0.05), wall_clock)
    await store.add([job("a")])
    heart = store.heart(_someone())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another process holds the write lock"):
            await store.add([job("b")])
        with pytest.raises(StoreUnavailable, match="another process holds the write lock"):
            heart.beat(1_000)
        assert await store.get("a") is not None, "reading needs no lock"
        other.execute("ROLLBACK")
    assert await store.add([job("b")]) == [Added("b", True)]
    assert heart.beat(1_000) == {}
    heart.close()
    await store.close()


def _someone() -> WorkerInfo:
    return WorkerInfo(id="w1")


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
server:/export /mnt/team nfs4 rw,vers=4.2 0 0
//server/share /mnt/my\\040share cifs rw 0 0
/dev/sdb1 /mnt/team/local xfs rw 0 0
sshfs#ada@host: /mnt/far fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/jobs.db", "ext4"),
        ("/mnt/team/jobs.db", "nfs4"),
        ("/mnt/team-b/jobs.db", "ext4"),
        ("/mnt/team/local/deep/jobs.db", "xfs"),
        ("/mnt/my share/jobs.db", "cifs"),
        ("/mnt/far/jobs.db", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_mount(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS, encoding="utf-8")
    assert file_system(Path(path), str(mounts)) == kind
    assert kind.startswith(NETWORK) == (kind in ("nfs4", "cifs", "fuse.sshfs"))


def test_where_the_system_tells_no_mounts_nothing_is_refused(tmp_path: Path) -> None:
    assert file_system(tmp_path / "jobs.db", str(tmp_path / "nowhere")) is None


async def test_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treadle.stores.sqlite.connection.file_system", lambda path: "nfs4")
    with pytest.raises(StoreError, match=r"network file system \(nfs4\).*local disk, or use PostgreSQL"):
        connect(SqliteSettings(path))
    assert not path.exists()


@linux_only
@pytest.mark.slow
@pytest.mark.parametrize("locked", ["file", "folder"])
async def test_a_read_only_place_is_called_read_only(path: Path, url: str, play: Play, locked: str) -> None:
    """The actor gives up root's power to write anywhere, so this runs as root as well."""
    store = open_store(url)
    await store.add([job("before")])
    await store.close()
    target = path if locked == "file" else path.parent
    mode = target.stat().st_mode
    target.chmod(mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        (said,) = play("try_add", url).end()
    finally:
        target.chmod(mode)
    assert said.startswith("StoreError")
    assert "write permission" in said or "may this user write" in said
    assert sum((await store.count(Filter())).values()) == 1
    await store.close()


@linux_only
@pytest.mark.slow
def test_a_file_that_may_grow_no_further_loses_nothing_and_works_again(url: str, play: Play) -> None:
    """P19."""
    refused, kept = play("bloat", url, "400000").end()
    assert refused.startswith("refused StoreUnavailable")
    assert "check" in refused or "disk is full" in refused
    words = kept.split()
    assert words[1] == words[3] > "10"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("not on this platform: only root may mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"not on this platform: {mounted.stderr}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@linux_only
async def test_a_full_disk_refuses_loudly_and_works_again_once_there_is_space(small_disk: Path) -> None:
    """P19."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 400_000)
    store = open_store(f"sqlite:///{small_disk / 'jobs.db'}")
    acknowledged = await _fill(store)
    with pytest.raises(StoreUnavailable, match=r"disk is full; free some space in .*disk"):
        await store.add([_big("one more")])
    assert len((await store.find(Filter(), 1_000)).items) == acknowledged, "reading goes on"

    ballast.unlink()
    assert await store.add([_big("afterwards")]) == [Added("afterwards", True)]
    assert sum((await store.count(Filter())).values()) == acknowledged + 1
    await store.close()
    with closing(sqlite3.connect(small_disk / "jobs.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _big(id: str) -> NewJob:
    return job(id, args=f'"{"x" * 5_000}"')


async def _fill(store: object) -> int:
    """Add until the disk is full; answer how many were acknowledged."""
    assert isinstance(store, SqliteStore)
    number = 0
    while True:
        try:
            await store.add([_big(f"{number:04}")])
        except StoreUnavailable:
            return number
        number += 1
