"""Errors that are pages: what went wrong, and what to do next."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException

from modemagent.errors import IdentityError, ModemAgentError, UsageError
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.store.database.engine import is_unavailable
from modemagent.registry.store.database.query_budget import is_exceeded

#: What there is after a report; all else is made by people or by the registry.
_REPORTED = frozenset(("modem", "SIM", "gateway", "bench", "report"))


class PageError(Exception):
    """A request that ends with a page that states what to do next.

    :param record: address of the acts about an object
    """

    def __init__(
        self, status: int, title: str, detail: str, remedy: str = "", record: str = ""
    ) -> None:
        super().__init__(title)
        self.status, self.title, self.detail, self.remedy = status, title, detail, remedy
        self.record = record


def not_found(what: str) -> PageError:
    """Return the error of an address that shows nothing."""
    if what in _REPORTED:
        why = f"the {what} was never reported to this registry."
        remedy = "Look the number up, or go back to the overview."
    else:
        why = "what it showed is no longer kept."
        remedy = "Go back to the overview."
    return PageError(404, f"No such {what}", f"The address is wrong, or {why}", remedy)


def forbidden(right: str) -> PageError:
    """Return the error of a person who lacks a right."""
    return PageError(
        403,
        "Not permitted",
        f"Your account does not have the right to {right}.",
        "An administrator can give you a role that has it, on the page People.",
    )


def objection(error: ModemAgentError) -> str:
    """Return what is wrong with a form, as a sentence with its remedy.

    >>> objection(ModemAgentError("the case is closed", hint="Open another case."))
    'The case is closed. Open another case.'
    """
    message = error.message
    return f"{message[:1].upper()}{message[1:]}. {error.hint or ''}".strip()


def page_error(error: Exception) -> PageError:
    """Return the page of an error."""
    if isinstance(error, PageError):
        return error
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return PageError(
                404, "No such page", "This address has no page.", "Go to the overview."
            )
        return PageError(error.status_code, HTTPStatus(error.status_code).phrase, error.detail)
    if isinstance(error, (IdentityError, UsageError)):
        return PageError(400, "Not possible", objection(error))
    if isinstance(error, ProblemDetails):
        return PageError(int(error.status), error.status.phrase, str(error))
    if is_exceeded(error):
        return PageError(
            422,
            "Too wide",
            "The registry would have to read too much for this page.",
            "Add a site, a model or a gateway, or request an export: it is made in the background.",
        )
    if is_unavailable(error) or isinstance(error, TimeoutError):
        return PageError(
            503,
            "The database cannot be used at present",
            "Gateways keep their reports until it can.",
            "Load the page again in some seconds.",
        )
    return PageError(
        500,
        "Internal error",
        "The registry failed to make this page; nothing was changed.",
        "Load the page again. If it fails again, give the request id to an administrator.",
    )
