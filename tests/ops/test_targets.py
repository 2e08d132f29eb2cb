"""What may be steered, and what is refused."""

from typing import Any

import pytest

from treadle.core.errors import ConfigError
from treadle.steering import resembling, target_of


@pytest.mark.parametrize(
    ("named", "target"),
    [
        ({"queue": "mail"}, "queue=mail"),
        ({"queue": "fikiri:email"}, "queue=fikiri:email"),
        ({"task": "mail.sync"}, "task=mail.sync"),
        ({"tenant": "Ångström & søn"}, "tenant=Ångström & søn"),
        ({"key": "user_id=u=1"}, "key=user_id=u=1"),
        ({"limit": "mail.sync:concurrency:user_id=u1"}, "mail.sync:concurrency:user_id=u1"),
    ],
)
def test_a_target_is_named_by_its_kind(named: dict[str, str], target: str) -> None:
    assert target_of(**named) == target


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({}, "Name one thing to steer"),
        ({"queue": "mail", "task": "sync"}, "Name one thing to steer"),
        ({"planet": "mars"}, "Name one thing to steer"),
        ({"queue": ""}, "cannot name a queue"),
        ({"queue": "  "}, "cannot name a queue"),
        ({"task": "mail\n"}, "cannot name a task"),
        ({"tenant": "\x1b[31m"}, "cannot name a tenant"),
        ({"tenant": "\ud800"}, "cannot name a tenant"),
        ({"limit": "x" * 401}, "cannot name a limit"),
        ({"key": "u1"}, "'u1' is no key; write what `treadle job explain` shows, such as user_id=u1"),
        ({"key": "=u1"}, "is no key"),
        ({"key": "user_id="}, "is no key"),
    ],
)
def test_what_is_no_target_is_refused_with_a_sentence(named: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        target_of(**named)
    assert said in str(refused.value)


def test_a_name_that_resembles_a_known_one_is_noticed() -> None:
    assert resembling("mial", ["mail", "ai"]) == "mail"
    assert resembling("mail", ["mail", "ai"]) is None
    assert resembling("crm", ["mail", "ai"]) is None
