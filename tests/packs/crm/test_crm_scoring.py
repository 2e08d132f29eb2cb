"""Leads: additive rules, points that halve every fourteen days, and the same answer in any order of mail."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.packs.crm.contacts import Address, Kind, Letter, Sighting, own_names
from treadle.packs.crm.merging import Contact, grow, sightings
from treadle.packs.crm.scoring import HALF_LIFE, points, raw_points, score, signals

OWN = own_names(["hello@barrowbell.test"])
HELEN = Address("Helen Ashworth", "helen@millbrook.test")
US = Address("", "hello@barrowbell.test")


def letter(text: str, *, id: str = "1", at: int = 1_000, outgoing: bool = False) -> Letter:
    sender, other = (US, HELEN) if outgoing else (HELEN, US)
    return Letter(id=id, at=at, outgoing=outgoing, sender=sender, others=(other,), text=text)


def seen(*letters: Letter) -> Contact:
    return grow(None, [one for each in letters for one in sightings(each, OWN)])


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("Could you send us a quote for four trikes?", {"asks_for_a_price"}),
        ("How much is the small one?", {"asks_for_a_price"}),
        ("Bitte schicken Sie uns ein Angebot. Wie ist die Lieferzeit?", {"asks_for_a_price", "asks_about_delivery"}),
        ("Pourriez-vous nous envoyer un devis ?", {"asks_for_a_price"}),
        ("¿Cuánto cuesta el envío?", {"asks_for_a_price"}),
        ("We would like to order two more. Can we have a test ride?", {"wants_to_buy", "asks_for_a_trial"}),
        ("Your order 4471 (40 motors) is delayed.", set()),
        ("Our invoice 1187 is overdue, payment reminder.", {"sells_to_us"}),
        ("I am disappointed and want a refund.", {"has_trouble"}),
        ("See you on Sunday!", set()),
    ],
)
def test_rules_see_what_somebody_wants(text: str, rules: set[str]) -> None:
    assert set(signals(letter(text))) == rules


def test_points_halve_every_fourteen_days() -> None:
    fresh = score({"asks_for_a_price": 0}, at=0)
    assert (fresh.value, score({"asks_for_a_price": 0}, at=HALF_LIFE).value) == (30, 15)
    assert score({"asks_for_a_price": 0}, at=10 * HALF_LIFE).value == 0
    assert score({"asks_for_a_price": 5_000}, at=0).value == 30


def test_a_score_says_why_strongest_first_and_stays_within_0_and_100() -> None:
    reasons = score({"wrote_first": 1, "asks_for_a_price": 2, "no_such_rule": 3}, at=2).reasons
    assert [(reason.rule, reason.points, reason.at) for reason in reasons] == [
        ("asks_for_a_price", 30, 2),
        ("wrote_first", 5, 1),
    ]
    assert score(dict.fromkeys(points(), 0), at=0).value <= 100
    assert score({"sells_to_us": 0}, at=0).value == 0


def test_a_person_who_wrote_first_and_wants_something_is_a_lead() -> None:
    assert seen(letter("Please send a quote")).is_lead
    assert not seen(letter("Hello!")).is_lead
    assert not seen(letter("Please send a quote", at=2_000), letter("Dear Helen", id="0", outgoing=True)).is_lead
    assert seen(letter("Please send a quote"), letter("Here it is", id="2", at=2_000, outgoing=True)).is_lead


@pytest.mark.parametrize(
    "changed",
    [
        {"list_id": "offers.test"},
        {"automatic": True},
        {"sender": Address("", "no-reply@millbrook.test")},
        {"sender": Address("Mara", "mara@barrowbell.test")},
    ],
)
def test_lists_machines_and_ourselves_are_no_leads(changed: dict[str, object]) -> None:
    found = sightings(replace(letter("Please send a quote"), **changed), OWN)  # type: ignore[arg-type]  # a table of fields
    assert not any(grow(None, [one]).is_lead for one in found)


def test_only_the_last_word_of_a_correspondence_waits_for_an_answer() -> None:
    asked, answered = letter("A quote?"), letter("Yes", id="2", at=2_000, outgoing=True)
    assert "waits_for_an_answer" in seen(asked).known_signals()
    assert "waits_for_an_answer" not in seen(asked, answered).known_signals()


one_sighting = st.builds(
    Sighting,
    message_id=st.uuids().map(str),
    email=st.just("helen@millbrook.test"),
    kind=st.sampled_from([Kind.PERSON, Kind.LIST, Kind.NOREPLY]),
    at=st.integers(0, 5),
    way=st.sampled_from(["in", "out", "near"]),
    name=st.sampled_from(["", "Helen", "H. Ashworth"]),
    company=st.sampled_from(["Millbrook", "Millbrook Ltd"]),
    phone=st.sampled_from(["", "+441632960127", "01632960883"]),
    signals=st.sampled_from([(), ("asks_for_a_price",), ("has_trouble",)]),
)


@given(st.lists(one_sighting, min_size=1, max_size=8), st.randoms(use_true_random=False), st.integers(0, 8))
def test_a_contact_is_the_same_in_any_order_and_any_slicing(ones: list[Sighting], random: object, cut: int) -> None:
    whole = grow(None, ones)
    shuffled = sorted(ones, key=lambda one: hash((one.message_id, str(random))))
    first = shuffled[: max(1, cut)]
    assert grow(grow(None, first), shuffled[max(1, cut) :]) == whole
    assert raw_points(whole.signals) == raw_points(grow(None, shuffled).signals)
