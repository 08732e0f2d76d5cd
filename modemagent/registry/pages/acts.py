"""Acts by forms: what a call has changed, or why it was refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from modemagent.errors import IdentityError, UsageError
from modemagent.registry.pages.page_errors import not_found, objection
from modemagent.registry.store.assets.asset_changes import AssetInUse
from modemagent.registry.store.evaluation.recheck_reader import NotStopped
from modemagent.registry.store.findings.decisions import StaleRevision
from modemagent.registry.store.policies.policies import PolicyConflict, StalePolicy

T = TypeVar("T")


class Refusal(NamedTuple):
    """Why nothing was changed.

    :param problem: what is wrong with the form; empty: the object has changed since
    """

    problem: str = ""

    @property
    def is_stale(self) -> bool:
        """Return True if the object has changed since the page was made."""
        return not self.problem

    @property
    def status(self) -> int:
        """Return the status of the page that shows it."""
        return 409 if self.is_stale else 422


def attempt(work: Callable[[], T | None], what: str) -> T | Refusal:
    """Return what a call has changed, or why it was refused.

    :param what: the object, as a word
    :raises PageError: there is no such object
    """
    try:
        found = work()
    except (IdentityError, UsageError) as error:
        return Refusal(objection(error))
    except (StaleRevision, StalePolicy, NotStopped):
        return Refusal()
    except AssetInUse as used:
        return Refusal(used_text(used.references))
    except PolicyConflict as conflict:
        return Refusal(_conflict(conflict))
    if found is None:
        raise not_found(what)
    return found


def used_text(references: Sequence[str]) -> str:
    """Return why an asset cannot be deleted.

    >>> used_text(["case:17", "note:3"])
    'Case K17 and 1 note are about this asset. Delete the notes, or set its state to retired.'
    """
    cases = [one.replace("case:", "case K") for one in references if one.startswith("case:")]
    notes = len(references) - len(cases)
    noted = [f"{notes} note{'' if notes == 1 else 's'}"] if notes else []
    *first, last = [*cases, *noted]
    named = f"{', '.join(first)} and {last}" if first else last
    verb = "is" if len(references) == 1 else "are"
    remedy = "Delete the notes, or set" if notes else "Set"
    return f"{named[:1].upper()}{named[1:]} {verb} about this asset. {remedy} its state to retired."


def _conflict(conflict: PolicyConflict) -> str:
    if conflict.cover is None:
        return f"Another policy has the name {conflict.name}. Choose another name."
    return (
        f"The policy {conflict.name} has the same {conflict.cover}, so which of the two holds "
        "would not be decided. Change one of the covers."
    )
