"""Parsed letters into the tables, in the caller's transaction: what is new, which thread, all rows in bulk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from treadle import Ids
from treadle.packs.mail import model, ownership, store
from treadle.packs.mail.parse import Letter
from treadle.packs.mail.rows import Raw, Rows, address_rows, attachment_rows, message_row
from treadle.packs.mail.threads import Threading, assign, linking_ids

Letters = Sequence[tuple[Raw, Letter]]


@dataclass(frozen=True, slots=True)
class Filing:
    """What every slice of one import needs to file its letters."""

    account: store.Account
    run_id: str
    ids: Ids
    clock: Callable[[], int]

    def file(self, connection: Connection, letters: Letters) -> list[Letter]:
        """Store the letters that are new and answer them; the same letter in other bytes is a duplicate."""
        fresh, copies = _sort_out(letters, store.known_keys(connection, self.account.id, _keys(letters)))
        threading = self._thread(connection, fresh)
        messages = self._messages(fresh, threading)
        grown = store.merge(connection, self.account.id, threading.merges)
        store.grow(connection, [*grown, *growth(messages)])
        store.lead(connection, self.account.id, threading.references)
        self._add(connection, messages, fresh)
        store.drop_raws(connection, self.account.owner, [raw.sha256 for raw, _ in copies])
        return [letter for _, letter in fresh]

    def _thread(self, connection: Connection, letters: Letters) -> Threading:
        linked = [linking_ids(letter) for _, letter in letters]
        known = store.known_references(connection, self.account.id, {id for ids in linked for id in ids})
        return assign(linked, known, lambda: self.ids.take()[0])

    def _messages(self, letters: Letters, threading: Threading) -> Rows:
        now, domains = self.clock(), ownership.own_domains(self.account.own)
        rows: Rows = []
        for id, thread_id, (raw, letter) in zip(self.ids.take(len(letters)), threading.threads, letters, strict=True):
            row = message_row(letter, raw, now)
            out = ownership.went_out(row["from_email"], self.account.own, domains)
            row.update(id=id, account_id=self.account.id, run_id=self.run_id, thread_id=thread_id)
            row["direction"] = "out" if out else "in"
            rows.append(row)
        return rows

    def _add(self, connection: Connection, messages: Rows, letters: Letters) -> None:
        pairs = [(row["id"], letter) for row, (_, letter) in zip(messages, letters, strict=True)]
        store.add(connection, model.message, messages)
        store.add(connection, model.address, [one for id, letter in pairs for one in address_rows(id, letter)])
        store.add(connection, model.attachment, [one for id, letter in pairs for one in attachment_rows(id, letter)])


def _keys(letters: Letters) -> set[str]:
    return {letter.dedupe_key for _, letter in letters}


def _sort_out(letters: Letters, known: set[str]) -> tuple[Letters, Letters]:
    """Part new letters from copies of known ones, and from copies of each other."""
    fresh: dict[str, tuple[Raw, Letter]] = {}
    copies = []
    for raw, letter in letters:
        if letter.dedupe_key in known or letter.dedupe_key in fresh:
            copies.append((raw, letter))
        else:
            fresh[letter.dedupe_key] = (raw, letter)
    return list(fresh.values()), copies


def growth(messages: Rows) -> Rows:
    """Sum up what messages add to their threads."""
    threads: dict[str, Rows] = {}
    for row in sorted(messages, key=lambda row: row["sent_at"]):
        threads.setdefault(row["thread_id"], []).append(row)
    return [
        {
            "id": id,
            "account_id": rows[0]["account_id"],
            "root_subject": rows[0]["subject_norm"],
            "first_at": rows[0]["sent_at"],
            "last_at": rows[-1]["sent_at"],
            "message_count": len(rows),
            "revision": len(rows),
        }
        for id, rows in threads.items()
    ]
