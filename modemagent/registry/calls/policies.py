"""Calls about policies and announced work, for the HTTP API and for the command line.

They take and return what the API does, with identifiers in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from modemagent.errors import UsageError
from modemagent.registry.calls.lists import key_of
from modemagent.registry.policies.pair_file import read_pairs
from modemagent.registry.policies.policy_content import (
    MODES,
    CoverKind,
    PolicyContent,
    check,
    differences,
    imei_of,
    parse_policy,
)
from modemagent.registry.store.database import refs
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.evaluation.recheck_runs import RecheckOptions
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.policies import policies, policy_reader, policy_trial, windows
from modemagent.registry.store.policies.linked_pairs import linked_pairs

T = TypeVar("T")
Given = Mapping[str, Any]
_MOST_PROBLEMS = 1000
SHORTEST_MODEM = 12  # characters that name a modem: its reference or its IMEI


class PolicyCalls:
    """The policies of a registry.

    :param actor: who makes the changes, such as ``token 3``
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def policies(self, limit: int, after: str | None) -> Document:
        """Return a page of policies."""
        with self._database.reading() as connection:
            begin = key_of(after) if after else 0
            return policy_reader.policy_page(connection, limit=limit, after=begin)

    def policy(self, ref: str) -> Document | None:
        """Return a policy, by its id, or by the IMEI or reference of the modem that it names."""
        with self._database.reading() as connection:
            key = self._key(connection, ref)
            return None if key is None else policy_reader.policy_document(connection, key)

    def add(self, given: Given) -> Document:
        """Add a policy; return it.

        :raises PolicyConflict: another policy has its name or a cover
        """
        content = parse_policy(given)
        reason = str(given.get("reason") or "")
        key = self._run(lambda batch: policies.add_policy(batch, content, self._actor, reason))
        return self._document(key)

    def change(self, ref: str, revision: int, given: Given) -> Document | None:
        """Replace what a policy states; return it, or None if there is none.

        :raises StalePolicy: it has another revision
        """
        return self._change(ref, revision, parse_policy(given), str(given.get("reason") or ""))

    def put_modem(self, modem: str, revision: int | None, given: Given) -> Document | None:
        """Set the policy of one modem, by its IMEI or reference; None: no such modem.

        :param revision: of the policy, if there is one already
        :raises StalePolicy: the policy has another revision, or exists and none was stated
        """
        with self._database.reading() as connection:
            imei = self._imei(connection, modem)
            if imei is None:
                return None
            key = policies.policy_with_cover(connection, CoverKind.IMEI, imei)
            stored = None if key is None else policies.version(connection, key)
        own = {"covers": {"imeis": [imei]}}
        if key is None or stored is None or stored.content is None:
            name = given.get("name") or self._run(lambda batch: _name(batch, imei))
            return self.add({**given, **own, "name": name})
        if len(stored.content.covers) > 1:
            raise UsageError(
                f"the policy {stored.content.name} covers more than this modem",
                hint="Change that policy by its ref.",
            )
        if revision is None:
            raise policies.StalePolicy(stored.revision)
        name = given.get("name") or stored.content.name
        return self.change(str(key), revision, {**given, **own, "name": name})

    def delete(self, ref: str, revision: int, reason: str) -> bool:
        """Delete a policy; return False if there is none.

        :raises StalePolicy: it has another revision
        """
        with self._database.reading() as connection:
            key = self._key(connection, ref)
        if key is None:
            return False
        done = self._run(
            lambda batch: policies.change_policy(batch, key, revision, None, self._actor, reason)
        )
        return done is not None

    def revert(self, ref: str, revision: int, to: int, reason: str) -> Document | None:
        """Let a policy state again what it did in an earlier revision; None: there is none.

        :raises StalePolicy: it has another revision
        """
        with self._database.reading() as connection:
            key = self._key(connection, ref)
            found = None if key is None else policies.version(connection, key, to)
        if found is None or found.content is None:
            return None
        return self._change(ref, revision, found.content, reason or f"revision {to} again")

    def apply(
        self, ref: str, revision: int, mode: str, reason: str, max_match_ratio: float | None = None
    ) -> Document | None:
        """Set the mode of a policy; None: there is none.

        :param max_match_ratio: limit of the re-check, other than the default
        :raises StalePolicy: it has another revision
        """
        if mode not in MODES:
            raise UsageError("the mode is unknown", hint=f"Use one of: {', '.join(MODES)}.")
        with self._database.reading() as connection:
            key = self._key(connection, ref)
            found = None if key is None else policies.version(connection, key)
        if found is None or found.content is None:
            return None
        content = msgspec.structs.replace(found.content, mode=mode)
        options = RecheckOptions()
        if max_match_ratio is not None:
            options = RecheckOptions(ratio=max_match_ratio, fewest=0)
        return self._change(ref, revision, content, reason or f"mode {mode}", options)

    def dry_run(self, ref: str, limit: int) -> Document | None:
        """Return what would happen if a policy were enforced; None: there is none."""
        with self._database.reading() as connection:
            key = self._key(connection, ref)
            found = None if key is None else policies.version(connection, key)
            if found is None or found.content is None:
                return None
            return policy_trial.try_policy(connection, found.content, key, limit)

    def try_policy(self, given: Given, limit: int) -> Document:
        """Return what would happen if a policy that is not stored were enforced."""
        content = parse_policy(given)
        with self._database.reading() as connection:
            return policy_trial.try_policy(connection, content, None, limit)

    def difference(self, ref: str, revision: int) -> Document:
        """Return the present policy, and how it differs from what it stated in a revision."""
        with self._database.reading() as connection:
            key = self._key(connection, ref)
            now = None if key is None else policies.version(connection, key)
            old = None if key is None else policies.version(connection, key, revision)
        if now is None or now.content is None:
            return {"policy": None, "changes": []}
        changes: list[Document] = []
        if old is not None and old.content is not None:
            before = policy_reader.content_document(old.content)
            changes = differences(before, policy_reader.content_document(now.content))
        return {"policy": policy_reader.version_document(now), "changes": changes}

    def import_pairs(self, content: bytes, *, dry_run: bool, given: Given) -> Document:
        """Make a policy of the pairs in a CSV file; return what was done, and what is wrong.

        :param given: name, mode, valid_from, valid_to, note and reason of the policy
        """
        found = read_pairs(content)
        pairs = [{"imei": imei, "iccid": iccid} for imei, iccid in found.pairs]
        accepted = bool(pairs) and not any(one.is_error for one in found.problems)
        policy = None
        if accepted:
            whole = {**given, "covers": {}, "pairs": pairs}
            if dry_run:
                parse_policy(whole)
            else:
                policy = self.add(whole)
        return {
            "accepted": accepted,
            "rows": found.rows,
            "pairs": len(pairs),
            "problems": [one.to_json() for one in found.problems[:_MOST_PROBLEMS]],
            "more_problems": max(len(found.problems) - _MOST_PROBLEMS, 0),
            "ref": None if policy is None else policy["ref"],
        }

    def pairs(self, ref: str) -> list[Document] | None:
        """Return the pairs that a policy states, and those that it has learned."""
        with self._database.reading() as connection:
            key = self._key(connection, ref)
            found = None if key is None else policies.version(connection, key)
            if key is None or found is None or found.content is None:
                return None
            return linked_pairs(connection, key, found.content)

    def windows(self, limit: int, after: str | None) -> Document:
        """Return a page of announced work, newest first."""
        with self._database.reading() as connection:
            begin = key_of(after) if after else None
            return windows.window_page(connection, limit=limit, after=begin)

    def window(self, key: str) -> Document | None:
        """Return announced work."""
        with self._database.reading() as connection:
            return windows.window_document(connection, key_of(key))

    def announce(self, given: Given) -> Document:
        """Announce work; return it."""
        new = windows.parse_window(given, now_ms())
        key = self._run(lambda batch: windows.announce(batch, new, self._actor))
        return self.window(str(key)) or {}

    def close_window(self, key: str) -> bool | None:
        """End announced work; return False if it is over, None if there is none."""
        row = key_of(key)
        return self._run(lambda batch: windows.close(batch, row, self._actor))

    def _change(
        self,
        ref: str,
        revision: int,
        content: PolicyContent,
        reason: str,
        options: RecheckOptions | None = None,
    ) -> Document | None:
        check(content)
        with self._database.reading() as connection:
            key = self._key(connection, ref)
        if key is None:
            return None
        done = self._run(
            lambda batch: policies.change_policy(
                batch, key, revision, content, self._actor, reason, options
            )
        )
        return None if done is None else self._document(key)

    def _document(self, key: int) -> Document:
        with self._database.reading() as connection:
            return policy_reader.policy_document(connection, key) or {}

    def _key(self, connection: Any, ref: str) -> int | None:
        imei = self._imei(connection, ref) if len(ref) >= SHORTEST_MODEM else None
        if imei is not None:
            return policies.policy_with_cover(connection, CoverKind.IMEI, imei)
        return key_of(ref) if ref.isdecimal() else None

    def _imei(self, connection: Any, modem: str) -> str | None:
        """Return 14 digits of an IMEI, or of the modem with a reference."""
        if modem.isdecimal() and len(modem) in (14, 15, 16):
            return imei_of(modem)
        view = View(connection)
        unit = find_unit(view, UnitKind.MODEM, modem) if refs.parse_ref(modem) else None
        return None if unit is None else view.units([unit])[unit].key

    def _run(self, work: Callable[[Batch], T]) -> T:
        return Recorder(self._database).run(work)


def _name(batch: Batch, imei: str) -> str:
    """Return the name of a policy for one modem, which does not show its number."""
    return f"modem {refs.format_ref(refs.ref_of(batch.secret, refs.MODEM, imei))}"
