"""Calls about cases and recalls, for the HTTP API and for the command line beside the database.

They take and return what the API does, with identifiers in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from modemagent.errors import UsageError
from modemagent.identity.csv_cells import clean_text
from modemagent.identity.iccid import Iccid
from modemagent.registry.assets.asset_fields import LONGEST_NOTE, parse_field
from modemagent.registry.assets.case_fields import CASE_FIELDS, OUTCOMES, letter, parse_case_field
from modemagent.registry.calls.lists import key_of
from modemagent.registry.pseudonyms import is_pseudonym
from modemagent.registry.store.assets import assets, case_reader, cases
from modemagent.registry.store.assets.case_reader import CaseRow
from modemagent.registry.store.assets.cases import MOST_THINGS, CaseThing
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.evaluation import inventory, recheck_runs
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.lists import recalls

T = TypeVar("T")
Given = Mapping[str, Any]


class CaseCalls:
    """The cases and recalls of a registry.

    :param actor: who makes the changes, such as ``token 3``
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def cases(self, limit: int, after: str | None, state: str | None = None) -> Document:
        """Return a page of the cases, newest first."""
        with self._database.reading() as connection:
            begin = key_of(after) if after else None
            return case_reader.case_page(connection, limit=limit, after=begin, state=state)

    def case(self, key: str) -> Document | None:
        """Return a case with its checklist and its journal."""
        with self._database.reading() as connection:
            row = case_reader.case_row(connection, key_of(key))
            return None if row is None else _whole_case(connection, row)

    def letter(self, key: str) -> str | None:
        """Return a letter to the operator about a case; None: there is no such case."""
        found = self.case(key)
        return None if found is None else letter(found)

    def open_case(self, given: Given) -> Document:
        """Open a case about the numbers in ``imeis`` and ``iccids`` and the ids in ``assets``.

        With ``with_sims`` it is also about the SIMs that the modems hold.
        """
        kind = given.get("kind")
        if kind not in OUTCOMES:
            raise UsageError(
                "the kind of the case is unknown", hint=f"Use one of: {', '.join(OUTCOMES)}."
            )
        with self._database.reading() as connection:
            things = _things(connection, given)
        values = _case_values(given)
        case = self._run(lambda batch: cases.open_case(batch, kind, things, values, self._actor))
        return self.case(str(case)) or {}

    def change_case(self, key: str, revision: int, given: Given) -> Document | None:
        """Change fields of a case, and add ``text`` to its journal; None: no such case.

        :raises StaleRevision: the case has another revision
        """
        values, text, case = _case_values(given), _note(given), key_of(key)
        done = self._run(
            lambda batch: cases.change_case(batch, case, revision, values, text, self._actor)
        )
        return self.case(key) if done else None

    def do_task(self, key: str, position: int, revision: int, given: Given) -> Document | None:
        """Mark a task as ``done`` or not, with a ``reference``; None: no such case or task.

        :raises StaleRevision: the case has another revision
        """
        case, done = key_of(key), bool(given.get("done", True))
        reference = clean_text("reference", given.get("reference") or "", 200)
        found = self._run(
            lambda batch: cases.do_task(
                batch, case, revision, position, done, reference, self._actor
            )
        )
        return self.case(key) if found else None

    def close_case(self, key: str, revision: int, given: Given) -> Document | None:
        """Close a case with an ``outcome``; None: no such case.

        :raises StaleRevision: the case has another revision
        """
        case, text = key_of(key), _note(given)
        outcome = str(given.get("outcome") or "")
        done = self._run(
            lambda batch: cases.close_case(batch, case, revision, outcome, text, self._actor)
        )
        return self.case(key) if done else None

    def recalls(self, limit: int, after: str | None) -> Document:
        """Return a page of the recall and warranty notices."""
        with self._database.reading() as connection:
            begin = key_of(after) if after else 0
            return recalls.recall_page(connection, limit=limit, after=begin)

    def add_recall(self, given: Given) -> Document:
        """Add a notice; all modems are evaluated for it in turn."""

        def work(batch: Batch) -> int:
            found = recalls.add_recall(batch, given, self._actor)
            inventory.begin_pass(batch)
            return found

        key = self._run(work)
        with self._database.reading() as connection:
            return recalls.recall_document(connection, key) or {}

    def remove_recall(self, key: str) -> bool:
        """Remove a notice; return False if there is no such notice."""
        notice = key_of(key)

        def work(batch: Batch) -> bool:
            inventory.begin_pass(batch)
            return recalls.remove_recall(batch, notice)

        return self._run(work)

    def _run(self, work: Callable[[Batch], T]) -> T:
        def changed(batch: Batch) -> T:
            found = work(batch)
            recheck_runs.request(batch, self._actor)  # what is tracked has changed
            return found

        return Recorder(self._database).run(changed)


def _whole_case(connection: Connection, row: CaseRow) -> Document:
    found = case_reader.case_document(connection, row)
    things = [{**one, "last": _last(connection, one)} for one in found["things"]]
    return {
        **found,
        "things": things,
        "tasks": case_reader.tasks_of(connection, row["id"]),
        "journal": case_reader.journal(connection, row["id"]),
    }


def _last(connection: Connection, thing: Document) -> Document | None:
    """Return where a thing was last, and its SIMs or the modem that holds it."""
    is_modem = thing["kind"] == "imei"
    read = reader.modem if is_modem else reader.sim
    found = read(connection, thing["number"])
    if found is None:
        return None
    names = ("present", "gateway_id", "port", "last_seen", "last_report")
    slots = found["sims"] if is_modem else ()
    return {
        **{name: found[name] for name in names},
        "imei": None if is_modem else found["imei"],
        "sims": [{"slot": one["slot"], "iccid": one["iccid"]} for one in slots if one["iccid"]],
    }


def _things(connection: Connection, given: Given) -> list[CaseThing]:
    """Return the things that a request names.

    :raises IdentityError: a number is not valid
    :raises UsageError: there are none or more than are allowed, or no asset has an id
    """
    found: dict[tuple[UnitKind, str], int | None] = {}
    for text in given.get("imeis") or ():
        number = parse_field("imei", text)
        if number is not None:
            found[UnitKind.MODEM, number] = None
    for text in given.get("iccids") or ():
        found[UnitKind.SIM, str(Iccid.parse(text))] = None
    names: Sequence[str] = given.get("assets") or ()
    for name in names:
        row = assets.find_asset(connection, name)
        if row is None or row["imei"] is None:
            which = "no asset has this id or tag" if row is None else "the asset has no IMEI"
            raise UsageError(which, hint="Give the IMEI of the modem, or another asset.")
        found[UnitKind.MODEM, row["imei"]] = row["id"]
    if given.get("with_sims"):
        for kind, number in list(found):
            modem = reader.modem(connection, number) if kind == UnitKind.MODEM else None
            for slot in modem["sims"] if modem is not None else ():
                iccid = slot["iccid"]
                if iccid is not None and not is_pseudonym(iccid):
                    found.setdefault((UnitKind.SIM, str(Iccid.parse(iccid))), None)
    if not 0 < len(found) <= MOST_THINGS:
        raise UsageError(
            f"a case is about 1 to {MOST_THINGS} numbers", hint="Give IMEIs, ICCIDs or assets."
        )
    missing = [number for (kind, number), asset in found.items()
               if kind == UnitKind.MODEM and asset is None]  # fmt: skip
    for row in assets.load(connection, "imei", missing):
        found[UnitKind.MODEM, row["imei"]] = row["id"]
    return [CaseThing(kind, number, asset) for (kind, number), asset in found.items()]


def _case_values(given: Given) -> dict[str, str | bool | None]:
    values: dict[str, str | bool | None] = {
        name: parse_case_field(name, given[name]) for name in CASE_FIELDS if name in given
    }
    if given.get("cell") is not None:
        values["cell"] = bool(given["cell"])
    return values


def _note(given: Given) -> str:
    return clean_text("text", given.get("text") or "", LONGEST_NOTE)
