"""The lists: prohibited, tracked and permitted numbers."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.errors import IdentityError, UsageError
from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.fleet import NOT_FOUND, Limit, Reader
from modemagent.registry.api.list_documents import (
    EntryDocument,
    EntryPage,
    ListPage,
    ListWord,
    NewEntryDocument,
)
from modemagent.registry.api.masked_lists import shown_entry
from modemagent.registry.api.permissions import requires
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.store.people.tokens import Scope, Token

router = APIRouter(prefix="/api/v1", tags=["lists"], responses=PROBLEMS)

T = TypeVar("T")

Operator = Annotated[Token, Depends(requires(Scope.OPERATE))]
Key = Annotated[str, Path(pattern=r"^[0-9]{1,18}$")]
AfterKey = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,18}$", description="`next` of the previous page.")
]
CHANGES: dict[int | str, Any] = {413: PROBLEM, 415: PROBLEM}


def calls(request: Request, token: Token) -> ListCalls:
    """Return the calls about lists, made by a token."""
    return ListCalls(request.app.state.database, f"token {token.number}")


def checked(work: Callable[[], T]) -> T:
    """Return the result of a call; what is wrong with its numbers is a problem of the request."""
    try:
        return work()
    except IdentityError as error:
        raise _invalid(error, problem=error.problem) from None
    except UsageError as error:
        raise _invalid(error) from None


def _invalid(error: IdentityError | UsageError, **members: Any) -> ProblemDetails:
    detail = f"{error.message}. {error.hint}".rstrip()
    return ProblemDetails(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, **members)


def not_found(thing: str) -> ProblemDetails:
    return ProblemDetails(HTTPStatus.NOT_FOUND, "not_found", f"no {thing} has this id")


@router.get("/lists", response_model=ListPage)
def get_lists(request: Request, token: Reader) -> Response:
    """Return the lists with the numbers of their entries."""
    return JSONResponse(calls(request, token).lists())


@router.get("/lists/{name}/entries", response_model=EntryPage)
def get_entries(
    request: Request, token: Reader, name: ListWord, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List the entries of a list in the order in which they were added."""
    page = calls(request, token).entries(name, limit, after)
    return JSONResponse({**page, "entries": [shown_entry(one, token) for one in page["entries"]]})


@router.put("/lists/{name}/entries", response_model=EntryDocument, responses=CHANGES)
def put_entry(
    request: Request, token: Operator, name: ListWord, entry: NewEntryDocument
) -> Response:
    """Put an entry on a list. An entry with the same numbers is replaced."""
    found = checked(lambda: calls(request, token).put_entry(name, entry.model_dump()))
    return JSONResponse(shown_entry(found, token))


@router.get("/lists/{name}/entries/{entry}", response_model=EntryDocument, responses=NOT_FOUND)
def get_entry(request: Request, token: Reader, name: ListWord, entry: Key) -> Response:
    """Return an entry of a list."""
    found = calls(request, token).entry(name, entry)
    if found is None:
        raise not_found("entry of this list")
    return JSONResponse(shown_entry(found, token))


@router.delete("/lists/{name}/entries/{entry}", status_code=204, responses=NOT_FOUND)
def delete_entry(request: Request, token: Operator, name: ListWord, entry: Key) -> Response:
    """Remove an entry from a list."""
    if not calls(request, token).remove_entry(name, entry):
        raise not_found("entry of this list")
    return Response(status_code=204)
