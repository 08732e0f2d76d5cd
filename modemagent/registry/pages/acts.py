"""Acts by forms: what a call has changed, or why it was refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from modemagent.errors import IdentityError, UsageError
from modemagent.registry.pages.page_errors import not_found, objection
from modemagent.registry.store.decisions import StaleRevision
from modemagent.registry.store.policies import PolicyConflict, StalePolicy
from modemagent.registry.store.recheck_reader import NotStopped

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
    except PolicyConflict as conflict:
        return Refusal(_conflict(conflict))
    if found is None:
        raise not_found(what)
    return found


def _conflict(conflict: PolicyConflict) -> str:
    if conflict.cover is None:
        return f"Another policy has the name {conflict.name}. Choose another name."
    return (
        f"The policy {conflict.name} has the same {conflict.cover}, so which of the two holds "
        "would not be decided. Change one of the covers."
    )
