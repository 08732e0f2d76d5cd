"""Errors that are pages: what went wrong, and what to do next."""

from __future__ import annotations

from modemagent.errors import ModemAgentError


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
