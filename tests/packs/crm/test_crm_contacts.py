"""Who is a person, what is their name, where do they work: tables."""

import pytest

from treadle.packs.crm.contacts import Kind, company_of, kind_of, normal_email, own_names, plain, tidy_name
from treadle.packs.crm.signature import phone_of, signature

OWN = own_names(["Hello@BarrowBell.test", "mara@example.org", "nonsense"])


@pytest.mark.parametrize(
    ("written", "email"),
    [
        (" Helen@MillbrookNursery.TEST ", "helen@millbrooknursery.test"),
        ("müller@käse.test", "müller@käse.test"),
        ("a@b", ""),
        ("two@at@signs.test", ""),
        ("with space@x.test", ""),
        ("x@y.test\r\nBcc: z@w.test", ""),
        ("", ""),
        ("a" * 65 + "@x.test", ""),
    ],
)
def test_an_address_is_lower_case_or_nothing(written: str, email: str) -> None:
    assert normal_email(written) == email


@pytest.mark.parametrize(
    ("email", "bulk", "kind"),
    [
        ("helen@millbrooknursery.test", False, Kind.PERSON),
        ("hello@barrowbell.test", False, Kind.SELF),
        ("anybody@barrowbell.test", False, Kind.SELF),
        ("mailer-daemon@mx.barrowbell.test", False, Kind.SELF),
        ("mara@example.org", False, Kind.SELF),
        ("hanne@example.org", False, Kind.PERSON),
        ("no-reply@shop.test", False, Kind.NOREPLY),
        ("donotreply@shop.test", False, Kind.NOREPLY),
        ("noreply-invoices@shop.test", False, Kind.NOREPLY),
        ("mailer-daemon@mx.test", False, Kind.NOREPLY),
        ("bounces+7@news.test", False, Kind.NOREPLY),
        ("newsletter@shop.test", False, Kind.LIST),
        ("makers@lists.example.org", False, Kind.LIST),
        ("tom@barlow.test", True, Kind.LIST),
        ("norbert@shop.test", False, Kind.PERSON),
        ("norman.reply@shop.test", False, Kind.PERSON),
    ],
)
def test_people_lists_machines_and_ourselves_are_told_apart(email: str, bulk: bool, kind: Kind) -> None:
    assert kind_of(email, own=OWN, bulk=bulk) is kind


@pytest.mark.parametrize(
    ("written", "email", "name"),
    [
        ("Helen Ashworth", "h@x.test", "Helen Ashworth"),
        ('"ASHWORTH, Helen"', "h@x.test", "Helen Ashworth"),
        ("'Owen Pryce' via Makers", "o@x.test", "Owen Pryce"),
        ("Owen Pryce (Sales)", "o@x.test", "Owen Pryce"),
        ("helen.ashworth@x.test", "helen.ashworth@x.test", "Helen Ashworth"),
        ("", "walter@x.test", ""),
        ("", "info.team4@x.test", ""),
        ("森 はるか", "haruka@x.test", "森 はるか"),
        ("Eve\u202e\r\nBcc: all", "e@x.test", "Eve Bcc: all"),
        ("OWEN PRYCE", "o@x.test", "Owen Pryce"),
        ("NASA Software Weekly", "n@nasa.test", "NASA Software Weekly"),
        ("Acme, Sales, Europe", "s@acme.test", "Acme, Sales, Europe"),
    ],
)
def test_names_are_tidied_not_invented(written: str, email: str, name: str) -> None:
    assert tidy_name(written, email) == name


@pytest.mark.parametrize(
    ("email", "signed", "company"),
    [
        ("d@northquay.test", [], "Northquay"),
        ("d@mail.north-quay.co.uk", [], "North Quay"),
        ("d@northquay.test", ["Managing Director, North Quay Couriers Ltd"], "North Quay Couriers Ltd"),
        ("h@millbrooknursery.test", ["Millbrook Nurseries"], "Millbrook Nurseries"),
        ("s@gaertnerei-oltmanns.test", ["Gärtnerei Oltmanns, Oldenburg"], "Gärtnerei Oltmanns"),
        ("d@northquay.test", ["Some Other Company"], "Northquay"),
        ("o@gmail.com", ["Pryce Ltd"], ""),
        ("o@example.com", [], ""),
        ("o@lists.example.org", [], ""),
    ],
)
def test_a_company_comes_from_the_domain_unless_it_is_free_mail(email: str, signed: list[str], company: str) -> None:
    assert company_of(email, signed) == company


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("Hi\n-- \nPriya\nTel. +44 1632 960127", "+441632960127"),
        ("Hi\n\nSabine\nTelefon 0441 555 0199", "04415550199"),
        ("Hi\n\nInès\n+49 (0)30 23125 420", "+493023125420"),
        ("Hi\n-- \nA\n+44 1632 960127\n+44 1632 960128", ""),
        ("Call me, order 20260320 is late", ""),
        ("Bye\n20.03.2026", ""),
        ("Bye\nDE00 0000 0000 0000 0000 00", ""),
        ("Bye\n\nOn Mon, 9 March 2026 at 10:00, Priya wrote:\n> Tel. +44 1632 960127", ""),
        ("Bye\n> Tel. +44 1632 960127", ""),
    ],
)
def test_a_phone_number_is_taken_only_from_a_signature_and_only_if_it_is_the_only_one(text: str, phone: str) -> None:
    assert phone_of(signature(text)) == phone


def test_control_and_bidi_characters_never_survive() -> None:
    assert plain("a\x00b\u202ec\u200bd\r\ne", 10) == "abcd e"
    assert plain("x" * 500, 10) == "x" * 10
