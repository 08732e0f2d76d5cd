"""Sets of findings that were chosen: frozen, so that a decision is about what was seen.

Each item has the revision that it had; one that has changed since is left out by the decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.findings.decisions import (
    Decision,
    DecisionRefused,
    StaleRevision,
    decide,
)
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.tables.view_tables import finding_set

MOST = 10_000
KEPT_MS = 30 * 60_000
_AT_ONCE = 100  # decisions of a transaction
_c = finding_set.c

#: Id of a finding, and its revision.
Item = tuple[str, int]


class SetOutcome(msgspec.Struct, frozen=True):
    """What a decision about a set has done, one answer for each item.

    :param stale: findings that had changed since they were chosen
    :param refused: findings that the decision does not fit, with the reason
    """

    action: str
    done: int
    stale: list[str]
    refused: list[tuple[str, str]]


class FindingSet(NamedTuple):
    """A set of findings; ``acts``: how many decisions were made about it."""

    id: int
    made_ms: int
    acts: int
    sentence: str
    items: list[Item]
    outcome: SetOutcome | None


def freeze(database: Database, person: int, sentence: str, items: Sequence[Item]) -> int:
    """Store a set and return its id; sets of all people that are over are deleted."""
    with database.writing() as connection:
        now = now_ms()
        connection.execute(delete(finding_set).where(_c.made_ms < now - KEPT_MS))
        values = {"person": person, "made_ms": now, "acts": 0, "sentence": sentence}
        new = insert(finding_set).values(items=msgspec.json.encode(items[:MOST]), **values)
        return int(connection.execute(new.returning(_c.id)).scalar_one())


def find(connection: Connection, person: int, key: int) -> FindingSet | None:
    """Return a set that a person has frozen within the last 30 minutes."""
    query = select(finding_set).where(
        _c.id == key, _c.person == person, _c.made_ms >= now_ms() - KEPT_MS
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    items = msgspec.json.decode(bytes(row.items), type=list[Item])
    outcome = row.outcome and msgspec.json.decode(bytes(row.outcome), type=SetOutcome)
    return FindingSet(row.id, row.made_ms, row.acts, row.sentence, items, outcome)


def decide_about(database: Database, found: FindingSet, decision: Decision) -> SetOutcome:
    """Make one decision about each finding of a set, and store what it has done."""
    recorder = Recorder(database)
    items, done, stale, refused = dict(found.items), 0, [], []

    def work(part: Sequence[Item], batch: Batch) -> list[tuple[str, Any]]:
        answers: list[tuple[str, Any]] = []
        for finding, revision in part:
            try:
                answers.append((finding, decide(batch, finding, revision, decision)))
            except StaleRevision:
                answers.append((finding, None))
            except DecisionRefused as error:
                answers.append((finding, str(error)))
        return answers

    for at in range(0, len(found.items), _AT_ONCE):
        part = found.items[at : at + _AT_ONCE]
        for finding, answer in recorder.run(partial(work, part)):
            if answer is None:
                stale.append(finding)
            elif isinstance(answer, str):
                refused.append((finding, answer))
            else:
                done += 1
                items[finding] = answer["revision"]
    outcome = SetOutcome(str(decision.action), done, stale, refused)
    values = {
        "acts": found.acts + 1,
        "items": msgspec.json.encode(list(items.items())),
        "outcome": msgspec.json.encode(outcome),
    }
    with database.writing() as connection:
        connection.execute(update(finding_set).where(_c.id == found.id).values(values))
    return outcome
