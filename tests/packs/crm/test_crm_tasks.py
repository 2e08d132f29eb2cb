"""The crm tasks on a real application and real mail."""

from pathlib import Path

import pytest

from treadle import Treadle, samples
from treadle.packs import crm
from treadle.packs.crm import store
from treadle.packs.crm.tasks import extract_contacts, score_leads
from treadle.packs.crm.work import tables
from treadle.packs.database import Database
from treadle.packs.mail import reading
from treadle.packs.mail.ingest import import_mailbox


@pytest.fixture
def app(tmp_path: Path) -> Treadle:
    made = Treadle(f"sqlite:///{tmp_path / 'jobs.db'}?durability=fast")
    made.include(crm.pack)
    return made


def import_sample(app: Treadle) -> list[str]:
    database = app.use(Database)
    return reading.messages_of_run(database, import_mailbox(database, samples.path()).id)


def test_contacts_and_leads_come_out_of_the_sample_mailbox_once(app: Treadle) -> None:
    """S1.11: CRM lead update and contact sync."""
    ids = import_sample(app)
    jobs = [app.bind(extract_contacts).enqueue(some) for some in (ids[50:], ids[:50], ids, ids)]
    app.run_until_idle()
    results = [job.result(timeout=0) for job in jobs]
    assert sum(result["new"] for result in results) >= 30
    with tables(app).read() as connection:
        leads = {lead.email: lead for lead in store.leads(connection, "me")}
    assert {
        "helen@millbrooknursery.test",
        "s.oltmanns@gaertnerei-oltmanns.test",
        "camille@lepanierduquartier.test",
    } <= leads.keys()
    assert not {"rui.tavares@ardilamotors.test", "billing@steelhaven.test", "d.laird@northquay.test"} & leads.keys()
    assert not any(email.startswith("no-reply") or "barrowbell" in email for email in leads)
    assert leads["camille@lepanierduquartier.test"].company == "Le Panier du Quartier"
    assert leads["camille@lepanierduquartier.test"].phone == "+33199004217"
    assert (leads["camille@lepanierduquartier.test"].stage, leads["helen@millbrooknursery.test"].stage) == (
        "new",
        "engaged",
    )


def scored(app: Treadle) -> list[store.Lead]:
    job = app.bind(score_leads).enqueue("me")
    app.run_until_idle()
    with tables(app).read() as connection:
        leads = store.leads(connection, "me")
    assert job.result(timeout=0) == {"scored": len(leads)}
    return leads


def test_scores_are_the_same_each_time(app: Treadle) -> None:
    app.bind(extract_contacts).enqueue(import_sample(app))
    app.run_until_idle()
    first = scored(app)
    assert first
    assert scored(app) == first


def test_messages_that_are_gone_are_left_out(app: Treadle) -> None:
    job = app.bind(extract_contacts).enqueue(["no-such-message"])
    app.run_until_idle()
    assert job.result(timeout=0) == {"new": 0, "updated": 0, "leads": 0}
