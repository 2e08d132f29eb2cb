"""HTML to text, and the new part of replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.packs.mail.html import to_text
from treadle.packs.mail.replies import without_quotes


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hi <b>you</b>,<br>there</p><p>Bye</p>", "Hi you,\nthere\n\nBye"),
        ("<title>t</title><style>p{}</style><script>x()</script>seen", "seen"),
        ("a<div style='display: none'>b<p style='opacity:0'>c</div>d", "ad"),
        ("<div>a</div>b<p>c</p><b>d</b>", "a\nb\n\nc\nd"),
        ("<div>a</div>\n<div>b</div>", "a\nb"),
        ("a<span style='font-size:0px'>b</span>c<span style='opacity:0.5'>d</span>", "acd"),
        ("<p hidden>a</p>b", "b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("&lt;b&gt; &amp; &nbsp; x", "<b> & x"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        (
            "new<div class=gmail_quote>On Monday:<blockquote type=cite>old<br>older</blockquote></div>newer",
            "new\n> On Monday:\n> > old\n> > older\nnewer",
        ),
        ("a\ue0000\ue001b", "a0b"),
        ("", ""),
    ],
)
def test_html_becomes_what_a_reader_sees(html: str, text: str) -> None:
    assert to_text(html) == text


def test_deep_nesting_costs_no_quadratic_time() -> None:
    assert to_text("<div>" * 200_000 + "deep") == "deep"
    assert to_text("<blockquote type=cite>" * 2_900 + "deep").endswith("deep")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Yes, please.\n\nOn Mon, 9 Mar 2026, Ann <a@b.c> wrote:\n> Shall I?\n", "Yes, please."),
        ("Ja, bitte.\n\nAm 9.3.2026 um 10:00 schrieb Ann:\n> Soll ich?\n", "Ja, bitte."),
        ("Oui.\n\nLe 9 mars 2026 à 10:00, Ann a écrit :\n> Dois-je ?\n", "Oui."),
        ("Fine.\n\n-- \nBob\nTel. 123", "Fine."),
        ("Top\n> question one\nanswer one\n> question two\nanswer two", "Top\nanswer one\nanswer two"),
        ("Done.\n\n-----Original Message-----\nFrom: Ann\nSubject: x\n\nold", "Done."),
        ("> only quoted", "> only quoted"),
        ("No quotes here.", "No quotes here."),
        ("", ""),
    ],
)
def test_replies_are_cut_to_what_is_new(text: str, own: str) -> None:
    assert without_quotes(text, "en") == own


@pytest.mark.parametrize("line", ["On " * 20_000, "> " * 20_000, "From: " * 5_000, "\n" * 100_000, "-" * 100_000])
def test_hostile_texts_come_back(line: str) -> None:
    assert isinstance(without_quotes(line + "\nFrom: x\n" + line), str)


TAGS = st.sampled_from(
    "<p>|</p>|<div style='display:none'>|</div>|<blockquote type=cite>|</blockquote>|<table>|<td>|<svg>|<style>"
    "|<template>|<p hidden>|<!--|-->|<script>|<div class=gmail_quote>|<a href=x>|<select>|<option>|\n|word|&nbsp;"
    "|\ue0000\ue001".split("|")
)


@given(st.lists(st.one_of(TAGS, st.text(max_size=5)), max_size=40))
def test_any_html_becomes_some_text(pieces: list[str]) -> None:
    text = to_text("".join(pieces))
    assert "\ue000" not in text
    assert text == text.strip()
