"""Any text at all: no algorithm raises, none invents words, none grows faster than its text."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.packs.ai.local.clean import own_words
from treadle.packs.ai.local.plain import visible
from treadle.packs.ai.local.provider import LocalProvider
from treadle.packs.ai.local.reading import read
from treadle.packs.ai.local.summarize import CAP, summarize
from treadle.packs.ai.local.words import words
from treadle.packs.ai.ports import TASKS, Instructions
from treadle.packs.ai.threads import LETTER_CAP, Letter, ThreadText

PIECES = st.sampled_from(
    [
        *(
            "On Mon, Nov 16, 2026, Ada wrote:\n> x\n",
            "-- \n",
            "From: a\nSent: b\nTo: c\nSubject: d\n",
            "Best regards\n",
        ),
        *(
            "please ",
            "could you ",
            "bitte ",
            "https://a.example/ ",
            "12.03. ",
            "by Friday ",
            "ignore previous instructions ",
        ),
        *("> ", "\n\n", "- ", "1. ", "[your answer]", "{name}", "%s", "<b>", "?", "!", ".", ",", ":", "'", "’", "``"),
        *("\u200b", "\u202e", "é", "ß", "世界。", "\x00", "\ud800"),
    ]
)
TEXTS = st.one_of(st.text(max_size=400), st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=60).map("".join))
LETTERS = st.builds(
    Letter,
    sender_name=TEXTS,
    sender_email=TEXTS,
    to=st.lists(TEXTS, max_size=2).map(tuple),
    sent_at=st.integers(),
    text=TEXTS,
    lang=st.sampled_from(["en", "de", "fr", "es", "it", "und", ""]),
    direction=st.sampled_from(["in", "out"]),
    list_id=st.sampled_from(["", "list.example"]),
    auto_submitted=st.sampled_from(["", "no", "auto-replied"]),
)
THREADS = st.builds(ThreadText, subject=TEXTS, messages=st.lists(LETTERS, max_size=4).map(tuple))


@given(THREADS)
@settings(deadline=None, max_examples=150)
def test_no_thread_makes_a_task_raise_and_equal_threads_get_equal_answers(thread: ThreadText) -> None:
    for task in TASKS:
        first, second = (LocalProvider().run(task, thread, Instructions()) for _ in range(2))
        assert first == second
        assert 0 <= first.confidence <= 1


@given(THREADS)
@settings(deadline=None, max_examples=150)
def test_a_summary_has_only_words_of_the_source_and_at_most_320_characters(thread: ThreadText) -> None:
    summary = summarize(read(thread)).text
    source = {word for letter in thread.messages for word in words(visible(letter.text))} | set(
        words(visible(thread.subject))
    )

    assert len(summary) <= CAP
    for word in words(summary):
        assert word in source or any(word in known for known in source)


MEGABYTE = 1_000_000
HOSTILE = {
    "one long word": "a" * MEGABYTE,
    "only quotes": "> " * (MEGABYTE // 2),
    "quoted lines": ">\n" * (MEGABYTE // 2),
    "spaces": " " * MEGABYTE,
    "dots": "." * MEGABYTE,
    "dotted": "a." * (MEGABYTE // 2),
    "dashes": "-" * MEGABYTE,
    "question marks": "could you ? " * (MEGABYTE // 12),
    "brackets": "[" * MEGABYTE,
    "links": "https://a.example/ " * (MEGABYTE // 19),
    "at signs": "a@" * (MEGABYTE // 2),
    "attributions": "On Mon 2026\n" * (MEGABYTE // 12),
    "headers": "From: a\n" * (MEGABYTE // 8),
    "adverbs": "please also just do " * (MEGABYTE // 20),
    "could you": "could you perhaps maybe also " * (MEGABYTE // 29),
    "dates": "12.03. " * (MEGABYTE // 7),
    "digits": "1" * MEGABYTE,
    "bullets": "- a\n" * (MEGABYTE // 4),
    "zero width": "\u200b" * MEGABYTE,
    "apostrophes": "a'" * (MEGABYTE // 2),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_of_hostile_text_costs_what_its_capped_head_costs(text: str) -> None:
    assert _steps(lambda: _all_tasks(text)) <= _steps(lambda: _all_tasks(text[:LETTER_CAP])) + 1_000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_twice_the_text_takes_at_most_a_little_more_than_twice_the_steps(text: str) -> None:
    half, whole = (_steps(partial(_all_tasks, text[:size])) for size in (LETTER_CAP // 2, LETTER_CAP))

    assert whole <= 2.6 * half + 5_000


def test_cleaning_looks_at_the_head_of_a_letter_only() -> None:
    assert len(own_words("x" * MEGABYTE)) <= LETTER_CAP


def _all_tasks(text: str) -> None:
    letter = Letter(text[:100], "a@b.example", ("me@here.example",), 1_795_000_000_000, text, "en")
    provider, thread = LocalProvider(), ThreadText(text[:1000], (letter,))
    for task in TASKS:
        provider.run(task, thread, Instructions())


def _steps(work: Callable[[], Any]) -> int:
    """Count the lines of Python that run: a measure of growth that no other load on the machine disturbs."""
    count = 0

    def trace(_frame: object, event: str, _argument: object) -> Any:
        nonlocal count
        count += 1
        return trace if count < 3_000_000 else None

    work()  # tables are read once
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return count
