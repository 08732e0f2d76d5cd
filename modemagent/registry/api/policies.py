"""Pairing policies: which SIMs modems may hold, and announced work."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api import policy_documents as models
from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.fleet import NOT_FOUND, Limit, Reader
from modemagent.registry.api.list_documents import PRINTABLE, TimeText
from modemagent.registry.api.lists import AfterKey, Key, Operator, checked, not_found
from modemagent.registry.api.policy_documents import Mode, shown_policy
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.api.revisions import IF_MATCH, IfMatch, revision_of, stale_revision
from modemagent.registry.calls.policies import SHORTEST_MODEM, PolicyCalls
from modemagent.registry.policies.pair_file import pairs_csv
from modemagent.registry.store.findings.decisions import StaleRevision
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.people.tokens import Token
from modemagent.registry.store.policies.policies import PolicyConflict, StalePolicy

router = APIRouter(prefix="/api/v1", tags=["policies"], responses=PROBLEMS)

Ref = Annotated[
    str,
    Path(
        pattern=r"^[0-9A-Za-z]{1,18}$",
        description="Of the policy, or the IMEI or `ref` of the modem that it names.",
    ),
]
_POSTED: dict[int | str, Any] = dict.fromkeys((409, 413, 415), PROBLEM)
_CHANGED: dict[int | str, Any] = dict.fromkeys((404, 409, 412, 413, 415, 428), PROBLEM)
_REVISED = {"parameters": [IF_MATCH]}
_OPTIONAL = {"parameters": [{**IF_MATCH, "required": False}]}
_FILE = {"schema": {"type": "string", "description": "A CSV file with a header, as it is."}}
_CSV: dict[int | str, Any] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, 404: PROBLEM,
}  # fmt: skip


@router.get("/policies", response_model=models.PolicyPage)
def get_policies(
    request: Request, token: Reader, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List policies in the order in which they were added."""
    return JSONResponse(shown_policy(_calls(request, token).policies(limit, after), token))


@router.post("/policies", response_model=models.PolicyDocument, status_code=201, responses=_POSTED)
def post_policy(request: Request, token: Operator, policy: models.NewPolicy) -> Response:
    """Add a policy. If another one has its name or a cover, the problem of 409 names both."""
    given = policy.model_dump()
    found = _changed(request, token, lambda calls: calls.add(given), given["name"])
    return _answer(found, token, HTTPStatus.CREATED)


@router.post("/policy-trials", response_model=models.Trial, responses=_POSTED)
def try_policy(
    request: Request, token: Operator, policy: models.NewPolicy, limit: Limit = 100
) -> Response:
    """Return which modems would be armed, linked or differ if this policy were enforced."""
    given = policy.model_dump()
    found = checked(lambda: _calls(request, token).try_policy(given, limit))
    return JSONResponse(shown_policy(found, token))


@router.post(
    "/policy-imports",
    response_model=models.PairImport,
    responses=_POSTED,
    openapi_extra={"requestBody": {"required": True, "content": {"text/plain": _FILE}}},
)
async def post_pairs(
    request: Request,
    token: Operator,
    name: Annotated[str, Query(min_length=1, max_length=100, pattern=PRINTABLE)],
    mode: Annotated[Mode, Query(description="Of the policy.")] = "observe",
    valid_from: Annotated[TimeText | None, Query(description="Date or time.")] = None,
    valid_to: Annotated[TimeText | None, Query(description="Date or time.")] = None,
    dry_run: Annotated[bool, Query(description="Change nothing.")] = False,
) -> Response:
    """Make a policy of the pairs of IMEI and ICCID in a CSV file.

    If the file has errors, nothing is imported; the problem document has the report as `import`.
    """
    content = await request.body()
    if not content:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise ProblemDetails(status, "invalid_request", "the body must be a CSV file")
    given = {"name": name, "mode": mode, "valid_from": valid_from, "valid_to": valid_to}

    def work(calls: PolicyCalls) -> Document:
        return calls.import_pairs(content, dry_run=dry_run, given=given)

    report = await run_in_threadpool(_changed, request, token, work, name)
    if not report["accepted"] and not dry_run:
        detail = "the file was not imported because of its errors; see import.problems"
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise ProblemDetails(status, "invalid_file", detail, **{"import": report})
    return JSONResponse(report)


@router.get("/policies/{ref}", response_model=models.PolicyDocument, responses=NOT_FOUND)
def get_policy(request: Request, token: Reader, ref: Ref) -> Response:
    """Return a policy with its history; its `ETag` is the revision."""
    found = checked(lambda: _calls(request, token).policy(ref))
    return _answer(found, token)


@router.put(
    "/policies/{ref}",
    response_model=models.PolicyDocument,
    responses=_CHANGED | {201: {"description": "The policy of this modem was added."}},
    openapi_extra=_OPTIONAL,
)
def put_policy(
    request: Request,
    token: Operator,
    ref: Ref,
    policy: models.NewPolicy | models.NewModemPolicy,
    if_match: IfMatch = None,
) -> Response:
    """Replace what a policy states, if it has not changed since it was read.

    With the IMEI or `ref` of a modem and without covers: the policy of this modem alone, which is
    added if there is none. The problem of a stale revision has the `difference`.
    """
    given = policy.model_dump()
    covers = given.pop("covers", None) or {}
    pairs = given.pop("pairs", None) or []
    calls = _calls(request, token)
    if len(ref) >= SHORTEST_MODEM and not (any(covers.values()) or pairs):
        before = checked(lambda: calls.policy(ref))
        revision = None if before is None else revision_of(if_match, "policy")
        found = _changed(
            request, token, lambda one: one.put_modem(ref, revision, given), ref, ref, revision
        )
        return _answer(found, token, HTTPStatus.CREATED if before is None else HTTPStatus.OK)
    given |= {"covers": covers, "pairs": pairs}
    stated = revision_of(if_match, "policy")
    name = str(given.get("name") or "")
    found = _changed(request, token, lambda one: one.change(ref, stated, given), name, ref, stated)
    return _answer(found, token)


@router.delete("/policies/{ref}", status_code=204, responses=_CHANGED, openapi_extra=_REVISED)
def delete_policy(
    request: Request,
    token: Operator,
    ref: Ref,
    reason: Annotated[str, Query(max_length=500, pattern=PRINTABLE)] = "",
    if_match: IfMatch = None,
) -> Response:
    """Delete a policy; its revisions are kept."""
    revision = revision_of(if_match, "policy")

    def work(calls: PolicyCalls) -> Document | None:
        return {} if calls.delete(ref, revision, reason) else None

    if _changed(request, token, work, "", ref, revision) is None:
        raise not_found("policy")
    return Response(status_code=204)


@router.post(
    "/policies/{ref}/apply",
    response_model=models.PolicyDocument,
    responses=_CHANGED,
    openapi_extra=_REVISED,
)
def apply_policy(
    request: Request, token: Operator, ref: Ref, change: models.ModeChange, if_match: IfMatch = None
) -> Response:
    """Set the mode of a policy. The re-check that follows stops if it would find too much."""
    revision = revision_of(if_match, "policy")

    def work(calls: PolicyCalls) -> Document | None:
        return calls.apply(ref, revision, change.mode, change.reason, change.max_match_ratio)

    return _answer(_changed(request, token, work, "", ref, revision), token)


@router.post(
    "/policies/{ref}/revert",
    response_model=models.PolicyDocument,
    responses=_CHANGED,
    openapi_extra=_REVISED,
)
def revert_policy(
    request: Request, token: Operator, ref: Ref, to: models.Reversion, if_match: IfMatch = None
) -> Response:
    """Let a policy state again what it did in an earlier revision."""
    revision = revision_of(if_match, "policy")

    def work(calls: PolicyCalls) -> Document | None:
        return calls.revert(ref, revision, to.revision, to.reason)

    return _answer(_changed(request, token, work, "", ref, revision), token)


@router.post("/policies/{ref}/dry-run", response_model=models.Trial, responses=NOT_FOUND)
def try_stored_policy(request: Request, token: Operator, ref: Ref, limit: Limit = 100) -> Response:
    """Return which modems would be armed, linked or differ if the policy were enforced."""
    found = checked(lambda: _calls(request, token).dry_run(ref, limit))
    if found is None:
        raise not_found("policy")
    return JSONResponse(shown_policy(found, token))


@router.get("/policies/{ref}/pairs", responses=_CSV)
def get_pairs(
    request: Request,
    token: Reader,
    ref: Ref,
    form: Annotated[
        Literal["iccid-imei", "imsi-imei", "1nce"], Query(description="Columns of the file.")
    ] = "iccid-imei",
) -> Response:
    """Return the pairs of a policy, stated and learned, as CSV for an operator's IMEI lock."""
    found = checked(lambda: _calls(request, token).pairs(ref))
    if found is None:
        raise not_found("policy")
    lines = "".join(pairs_csv(form, shown_policy(found, token)))
    return Response(lines, media_type="text/csv; charset=utf-8")


@router.get("/windows", response_model=models.WindowPage)
def get_windows(
    request: Request, token: Reader, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List announced work, newest first."""
    return JSONResponse(shown_policy(_calls(request, token).windows(limit, after), token))


@router.post(
    "/windows",
    response_model=models.WindowDocument,
    status_code=201,
    responses=dict.fromkeys((413, 415), PROBLEM),
)
def post_window(request: Request, token: Operator, window: models.NewWindowDocument) -> Response:
    """Announce work: until it ends, pairs that a policy does not allow are not findings."""
    given = window.model_dump(by_alias=True)
    found = checked(lambda: _calls(request, token).announce(given))
    return JSONResponse(shown_policy(found, token), HTTPStatus.CREATED)


@router.get("/windows/{key}", response_model=models.WindowDocument, responses=NOT_FOUND)
def get_window(request: Request, token: Reader, key: Key) -> Response:
    """Return announced work."""
    found = _calls(request, token).window(key)
    if found is None:
        raise not_found("announced work")
    return JSONResponse(shown_policy(found, token))


@router.post(
    "/windows/{key}/close",
    response_model=models.WindowDocument,
    responses=dict.fromkeys((404, 409), PROBLEM),
)
def close_window(request: Request, token: Operator, key: Key) -> Response:
    """End announced work now."""
    calls = _calls(request, token)
    done = calls.close_window(key)
    if done is None:
        raise not_found("announced work")
    if not done:
        raise ProblemDetails(HTTPStatus.CONFLICT, "over", "the announced work is over")
    return JSONResponse(shown_policy(calls.window(key), token))


def _calls(request: Request, token: Token) -> PolicyCalls:
    return PolicyCalls(request.app.state.database, f"token {token.number}")


def _changed(
    request: Request,
    token: Token,
    work: Callable[[PolicyCalls], Any],
    name: str,
    ref: str = "",
    revision: int | None = None,
) -> Any:
    """Return the result of a change.

    :raises ProblemDetails: it conflicts with another policy, or is based on an old revision
    """
    calls = _calls(request, token)
    try:
        return checked(lambda: work(calls))
    except PolicyConflict as conflict:
        other = shown_policy(conflict.name, token, "name")
        detail = "another policy has the name of this one"
        if conflict.cover is not None:
            own = shown_policy(name, token, "name")
            detail = f"the policies {other} and {own} have the same {conflict.cover}"
        raise ProblemDetails(HTTPStatus.CONFLICT, "conflict", detail, other=other) from None
    except StalePolicy as stale:
        found = calls.difference(ref, revision or 0)
        difference = shown_policy(found, token)
        error = StaleRevision(stale.revision, difference)
        raise stale_revision(error, "policy", difference) from None


def _answer(found: Document | None, token: Token, status: int = HTTPStatus.OK) -> Response:
    if found is None:
        raise not_found("policy")
    headers = {"ETag": f'"{found["revision"]}"'}
    return JSONResponse(shown_policy(found, token), status, headers)
