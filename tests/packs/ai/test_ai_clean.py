"""Quoted history, signatures and footers come off; what the writer wrote stays."""

import pytest

from treadle.packs.ai.local.clean import own_words
from treadle.packs.ai.local.sentences import sentences

OWN = "The parcel has not arrived yet, it was due on Monday."


@pytest.mark.parametrize(
    "rest",
    [
        "\n\nOn Mon, Nov 16, 2026 at 9:12 AM Ada <a@b.example> wrote:\n> old words\n> more old words",
        "\n\nOn Mon, Nov 16, 2026 at 9:12 AM Ada Byron\n<ada@byron.example> wrote:\n\n> old words",
        "\n\nAm Mo., 16. Nov. 2026 um 09:12 Uhr schrieb Ada <a@b.example>:\n> alte Worte",
        "\n\nLe lun. 16 nov. 2026 à 09:12, Ada <a@b.example> a écrit :\n> vieux mots",
        "\n\nEl lun, 16 nov 2026 a las 9:12, Ada (<a@b.example>) escribió:\n> palabras viejas",
        "\n\nOn 16 Nov 2026, at 09:12, Ada wrote:\n\nold words without marks",
        "\n\nFrom: Ada\nSent: Monday\nTo: Bob\nSubject: old\n\nold words",
        "\n\n-- \nBob Miller\nMiller Ltd\n+44 20 7946 0000",
        "\n\nBest regards,\nBob Miller\nMiller Ltd",
        "\n\nMit freundlichen Grüßen\nBob Müller",
        "\n\nBien cordialement,\nBob",
        "\n\nUn saludo,\nBob",
        "\n\nSent from my iPhone",
        "\n\nThis e-mail and any attachments are confidential and for the addressee only.",
        "\n\nYou are receiving this because you signed up. Unsubscribe here.",
    ],
)
def test_only_the_writers_own_words_stay(rest: str) -> None:
    kept = own_words(OWN * 4 + rest)

    assert kept == OWN * 4


def test_answers_between_quoted_lines_stay() -> None:
    text = (
        "On Mon, Nov 16, 2026, Ada wrote:\n> Does it fit?\nYes, it fits.\n> And the colour?\nThe colour is right too."
    )

    assert own_words(text) == "Yes, it fits.\nThe colour is right too."


def test_a_bare_forward_keeps_what_was_forwarded() -> None:
    head = "---------- Forwarded message ---------\nFrom: Ada <a@b.example>\nDate: Mon\nSubject: x"
    text = f"FYI\n\n{head}\n\nWe need 40 desks."

    assert own_words(text) == "FYI\n\n\nWe need 40 desks."


def test_a_letter_that_is_only_thanks_keeps_its_words() -> None:
    assert own_words("Thanks!\nAda") == "Thanks!\nAda"


def test_hidden_characters_go() -> None:
    assert own_words("pass\u200bword \u202eabc\u202c \U000e0041 x\xad") == "password abc  x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 4.50 EUR, i.e. Mr. Hill pays 3.2 % more.", ["It costs 4.50 EUR, i.e. Mr. Hill pays 3.2 % more."]),
        ("Wir kommen am 1. Dezember. Bis dann.", ["Wir kommen am 1. Dezember.", "Bis dann."]),
        ("Könnten Sie bis zum 27.11. liefern? Danke.", ["Könnten Sie bis zum 27.11. liefern?", "Danke."]),
        ("z. B. die Firma A. Meier & Co. in Ulm", ["z. B. die Firma A. Meier & Co. in Ulm"]),
        ("M. Dupont arrive. Mme. Roux aussi.", ["M. Dupont arrive.", "Mme. Roux aussi."]),
        ("El Sr. Gil paga 1.150 € el martes. Gracias.", ["El Sr. Gil paga 1.150 € el martes.", "Gracias."]),
        ("Please:\n- send it\n- call me", ["Please:", "- send it", "- call me"]),
        ("a line that is wrapped at seventy-two characters or so by the mail\nprogram goes on.", None),
        ("明日の会議は中止です。よろしく。", ["明日の会議は中止です。", "よろしく。"]),
        ("", []),
        ("---\n***", []),
    ],
)
def test_sentences_end_where_people_end_them(text: str, expected: list[str] | None) -> None:
    assert list(sentences(text)) == (expected if expected is not None else [text.replace("\n", " ")])
