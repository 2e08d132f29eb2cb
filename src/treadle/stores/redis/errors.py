"""What an error of Redis means for its owner: a sentence with a remedy."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as told

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.stores.redis.settings import RedisSettings

Meaning = tuple[type[StoreError], str]

#: What the server says, by the word that it begins with.
WORDS: dict[str, Meaning] = {
    "WRONGPASS": (
        StoreError,
        "the server refused this user or password. Correct the URL, or set a password there",
    ),
    "NOPERM": (StoreError, "this user may not do that ({error}). Permit it all (ACL: +@all ~{{{prefix}* &{prefix}:*)"),
    "READONLY": (
        StoreUnavailable,
        "this server is a replica, which takes no writes. Name the primary, or its sentinels",
    ),
    "OOM": (
        StoreUnavailable,
        "the server's memory is full; nothing has been lost. Raise maxmemory (CONFIG SET maxmemory ...), or keep"
        " finished jobs for a shorter time",
    ),
    "MISCONF": (
        StoreUnavailable,
        "the server takes no writes while it cannot save to its disk; nothing has been lost. Its log says why: free"
        " some space or mend the disk",
    ),
    "LOADING": (StoreUnavailable, "the server is starting up and still loads its data. Try again soon"),
    "BUSY": (StoreUnavailable, "the server is busy with another script. It will be tried again; see SCRIPT KILL"),
    "NOREPLICAS": (StoreUnavailable, "too few replicas follow the server (min-replicas-to-write). Bring them back"),
    "CLUSTERDOWN": (
        StoreUnavailable,
        "the cluster is down: a part of its slots has no primary. Bring its nodes back",
    ),
    "ASK": (
        StoreUnavailable,
        "slots are being moved, and nothing is done in them until that has ended. Try again then",
    ),
    "MOVED": (StoreUnavailable, "the cluster is just changing which node serves what. Try again"),
    "WRONGTYPE": (StoreError, "a key of ours holds something else ({error}). Does another program use this prefix?"),
}

#: Words that mean what others do.
ALSO = {"NOAUTH": "WRONGPASS", "MASTERDOWN": "CLUSTERDOWN", "TRYAGAIN": "ASK"}

#: The driver's own classes, of whose errors the word was taken off. A special one comes before a general one.
CLASSES: tuple[tuple[type[Exception], str], ...] = (
    (told.AuthenticationError, "WRONGPASS"),
    (told.AuthorizationError, "NOPERM"),
    (told.NoPermissionError, "NOPERM"),
    (told.ReadOnlyError, "READONLY"),
    (told.OutOfMemoryError, "OOM"),
    (told.BusyLoadingError, "LOADING"),
    (told.ClusterDownError, "CLUSTERDOWN"),
    (told.MasterDownError, "CLUSTERDOWN"),
    (told.MovedError, "MOVED"),
    (told.AskError, "ASK"),
    (told.TryAgainError, "ASK"),
)

#: What has no word at all, by a part of what it says.
SAYINGS: dict[str, Meaning] = {
    "DB index is out of range": (
        StoreError,
        "there is no database of this number. Correct the URL, or raise `databases` there",
    ),
    "[SSL": (
        StoreError,
        "the encrypted connection cannot be made ({error}). Name the host as its certificate does, and who signed that"
        " (?ssl_ca_certs=FILE)",
    ),
    "channel": (StoreError, "this user may not publish on the channel {prefix}:wake. Permit it (ACL: &{prefix}:*)"),
}

#: And what went wrong on the way. The first kind that fits decides.
OTHERS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Meaning], ...] = (
    (
        (TimeoutError, asyncio.TimeoutError, told.TimeoutError),
        (StoreUnavailable, "no answer came in time. Is the server frozen, or the network cut?"),
    ),
    (
        (told.ConnectionError, OSError),
        (StoreUnavailable, "the server does not answer ({error}). Start it, or correct the URL"),
    ),
    (told.RedisError, (StoreError, "the server refused: {error}")),
)


@contextmanager
def explained(settings: RedisSettings) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except StoreError:
        raise
    except (told.RedisError, OSError, TimeoutError) as error:
        raise translate(error, settings) from error


def translate(error: Exception, settings: RedisSettings) -> StoreError:
    """Say what this error means for the owner of the server."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    make, sentence = _meaning(error, text)
    told = sentence.format(error=text, prefix=settings.prefix)
    return make(f"{settings.place}: {told}{'' if told.endswith('?') else '.'}")


def _meaning(error: Exception, text: str) -> Meaning:
    for part, meaning in SAYINGS.items():
        if part in text:
            return meaning
    word = word_of(error)
    return WORDS[word] if word in WORDS else next(meaning for kinds, meaning in OTHERS if isinstance(error, kinds))


def word_of(error: Exception) -> str:
    """Give the word that the server's answer began with, or one that means the same."""
    word = next((word for kind, word in CLASSES if isinstance(error, kind)), str(error).partition(" ")[0])
    return ALSO.get(word, word)
