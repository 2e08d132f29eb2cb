"""What a URL says is checked once, and its secrets are never repeated."""

import pytest

from treadle.core.errors import ConfigError, MissingDriver
from treadle.stores import open_store
from treadle.stores.redis.settings import Address, Kind, Login, settings_from


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://", "redis://localhost:6379/0"),
        ("redis://host", "redis://host:6379/0"),
        ("redis://ada:p%40ss@host:1234/2", "redis://ada@host:1234/2"),
        ("redis://:pw@host?prefix=shop", "redis://host:6379/0?prefix=shop"),
        ("valkey://host/3", "redis://host:6379/3"),
        ("valkeys://host", "rediss://host:6379/0"),
        ("rediss://[::1]:6380", "rediss://[::1]:6380/0"),
        ("unix:///run/redis.sock?db=4", "unix:///run/redis.sock?db=4"),
        ("unix://:pw@/run/redis.sock", "unix:///run/redis.sock?db=0"),
        ("redis+sentinel://a,b:2/main/1?sentinel_password=pw", "redis+sentinel://a:26379,b:2/main/1"),
        ("rediss+cluster://a:7000,b:7001", "rediss+cluster://a:7000,b:7001"),
    ],
)
def test_a_url_is_shown_without_secrets(url: str, shown: str) -> None:
    assert open_store(url).url == shown
    assert settings_from(shown).url == shown


def test_a_url_says_who_is_where() -> None:
    settings = settings_from(
        "redis+sentinel://ada:p%40ss@a,b:2/main/1?sentinel_username=eve&sentinel_password=s%26t&prefix=x"
    )
    assert (settings.kind, settings.service, settings.db, settings.prefix) == (Kind.SENTINEL, "main", 1, "x")
    assert settings.addresses == (Address("a", 26379), Address("b", 2))
    assert (settings.login, settings.sentinel_login) == (Login("ada", "p@ss"), Login("eve", "s&t"))
    assert "p@ss" not in repr(settings)
    assert "s&t" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://host:port/", "hosts or ports"),
        ("redis://:se/cret@host", "a host is missing"),
        ("redis://[::1", "hosts or ports"),
        ("redis+funny://host", "scheme"),
        ("redis://a,b", "redis+cluster://"),
        ("redis+sentinel://a/", "the service"),
        ("redis+cluster://a/3", "no databases"),
        ("redis+cluster://a?db=3", "no databases"),
        ("redis://host/abc", "by its number"),
        ("redis://host/1/2", "longer"),
        ("unix://host/path", "three slashes"),
        ("unix:///", "three slashes"),
        ("redis://host?cret=1", "'cret' of the Redis URL is not known; there are prefix"),
        ("redis://host?prefix=a:b", "'a:b' cannot begin keys"),
        ("redis://host?prefix=", "cannot begin keys"),
        (f"redis://host?prefix={'x' * 101}", "too long"),
        ("redis://host?ssl_cert_reqs=none", "write rediss://"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=r"Redis|prefix") as refused:
        open_store(url)
    assert told in str(refused.value)
    assert "se/cret" not in str(refused.value)


def test_a_missing_driver_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDriver, match=r"needs redis.*pip install 'treadle\[redis\]'"):
        open_store("redis://host")
