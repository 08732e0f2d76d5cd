"""Errors that are pages: what went wrong, and what to do next."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException

from modemagent.errors import IdentityError, ModemAgentError, UsageError
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.store.database.engine import is_unavailable
from modemagent.registry.store.database.query_budget import is_exceeded


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
    return PageError(
        404,
        f"No such {what}",
        f"The address is wrong, or the {what} was never reported to this registry.",
        "Look the number up, or go back to the overview.",
    )


def forbidden(right: str) -> PageError:
    """Return the error of a person who lacks a right."""
    return PageError(
        403,
        "Not permitted",
        f"Your account does not have the right to {right}.",
        "An administrator can give it to you with modemagent registry person create.",
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
