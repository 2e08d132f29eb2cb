"""Requests become tasks with an owner and a due day; courtesies do not."""

from collections.abc import Callable

import pytest

from treadle.packs.ai.local.reading import read
from treadle.packs.ai.local.tasks_found import Found, find_tasks
from treadle.packs.ai.threads import ThreadText

Make = Callable[..., ThreadText]


def tasks(thread: ThreadText) -> tuple[Found, ...]:
    return find_tasks(read(thread))


@pytest.mark.parametrize(
    ("lang", "text", "title", "due"),
    [
        ("en", "Could you please send us the offer by Friday?", "Send us the offer by Friday", "2026-11-20"),
        ("en", "Please call me back.", "Call me back", None),
        (
            "en",
            "Check the contract and sign it until 30 November.",
            "Check the contract and sign it until 30 November",
            "2026-11-30",
        ),
        ("en", "We need you to update the address.", "We need you to update the address", None),
        ("en", "pls bring the plan tomorrow", "Bring the plan tomorrow", "2026-11-19"),
        ("en", "Let me know which colour you prefer.", "Let me know which colour you prefer", None),
        ("de", "Könnten Sie uns bitte bis zum 27.11. ein Angebot schicken?", None, "2026-11-27"),
        ("de", "Bitte überweisen Sie den Betrag innerhalb von 14 Tagen.", None, "2026-12-02"),
        ("de", "Schick mir bis Freitag die Folien.", "Schick mir bis Freitag die Folien", "2026-11-20"),
        ("fr", "Pourriez-vous nous envoyer un devis avant le 30 novembre ?", None, "2026-11-30"),
        ("fr", "Merci de me rembourser sous 5 jours.", None, "2026-11-23"),
        ("es", "¿Podrías revisarlo antes del 24 de noviembre?", None, "2026-11-24"),
        ("es", "Por favor, enviadme el manual.", "Enviadme el manual", None),
    ],
)
def test_a_sentence_that_asks_is_a_task(thread: Make, lang: str, text: str, title: str | None, due: str | None) -> None:
    (found,) = tasks(thread(text, lang=lang))

    assert title is None or found.title == title
    assert found.due == due
    assert found.owner == "me"
    assert found.quote


@pytest.mark.parametrize(
    "text",
    [
        "Please find attached the invoice.",
        "Please don't hesitate to contact us.",
        "Thank you for sending the offer.",
        "Could you imagine that it works?",
        "When does the shop open?",
        "Feel free to ask.",
        "We look forward to it.",
        "Bitte zögern Sie nicht, uns anzurufen.",
        "Veuillez agréer, Madame, nos salutations.",
        "Bitte nicht auf diese Nachricht antworten.",
        "Merci pour votre aide.",
    ],
)
def test_a_courtesy_is_no_task(thread: Make, text: str) -> None:
    assert tasks(thread(text)) == ()


def test_bullets_under_a_request_are_tasks(thread: Make) -> None:
    found = tasks(thread("Could you please:\n- send the list\n- book the room by Monday\n\nThe weather is fine."))

    assert [(task.title, task.due) for task in found] == [
        ("Send the list", None),
        ("Book the room by Monday", "2026-11-23"),
    ]


def test_the_person_spoken_to_by_name_owns_the_task(thread: Make) -> None:
    (found,) = tasks(thread("Tom, could you send the list to Anke?"))

    assert found.owner == "Tom"


def test_what_we_ask_for_is_the_other_sides_task(thread: Make) -> None:
    (found,) = tasks(thread("Here is our question.", "< Could you send us the signed contract?"))

    assert found.owner == "ada"


def test_a_newsletter_asks_for_nothing(thread: Make) -> None:
    assert tasks(thread("Please buy now until Friday!", list_id="news.example")) == ()


def test_a_title_carries_no_link_and_no_markup(thread: Make) -> None:
    (found,) = tasks(thread("Please confirm at https://evil.example/x the <b>order</b> with bob@evil.example today."))

    assert found.title == "Confirm at the b order /b with today"
    assert "evil" not in found.quote


def test_the_same_request_twice_is_one_task(thread: Make) -> None:
    assert len(tasks(thread("Please send the price list.", "Please send the price list!"))) == 1
