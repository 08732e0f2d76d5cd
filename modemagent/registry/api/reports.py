"""The way in: the batch route, and enrolment.

The batch route is the hot path of a fleet, so it is a plain route: the body is read up to a limit,
split into items without building them, and each item is read on its own, so that one bad item
never fails its neighbours.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from modemagent.errors import ReportError
from modemagent.registry.api.auth import caller, requires
from modemagent.registry.api.documents import Enrolled, Enrolment
from modemagent.registry.api.problem_details import ProblemDetails, document
from modemagent.registry.ingest import Ingest
from modemagent.registry.observation import Observation, no_key_twice, read_report
from modemagent.registry.store import tokens
from modemagent.registry.store.engine import now_ms
from modemagent.registry.store.tokens import Scope, Token
from modemagent.registry.store.writer import Arrival, ReceiptStatus
from modemagent.report.message import BOOT_ID_HEADER, UPTIME_HEADER

MOST_REPORTS = 1000
MOST_BYTES = 16 * 1024 * 1024  # of a body, before and after gzip
MOST_BYTES_EACH = 64 * 1024
_WRITER_DEADLINE_S = 60

router = APIRouter(prefix="/api/v1", tags=["gateways"])


class _Batch(msgspec.Struct):
    reports: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MOST_REPORTS)]


_batches = msgspec.json.Decoder(_Batch, strict=True)


async def post_reports(request: Request) -> Response:
    """Take 1 to 1000 reports; answer each of them."""
    authorization = request.headers.get("authorization")
    state = request.app.state
    token = await run_in_threadpool(caller, state.database, authorization, Scope.GATEWAY)
    body = await _body(request)
    boot_id = request.headers.get(BOOT_ID_HEADER)
    uptime = request.headers.get(UPTIME_HEADER, "")
    uptime_ms = int(uptime) if uptime.isascii() and uptime.isdecimal() and len(uptime) < 16 else -1
    return await run_in_threadpool(_take, body, token, state.ingest, boot_id, uptime_ms)


def _take(
    body: bytes, token: Token, ingest: Ingest, boot_id: str | None, uptime_ms: int
) -> Response:
    received_ms = now_ms()
    results: list[dict[str, Any]] = []
    arrivals: list[Arrival] = []
    accepted: list[dict[str, Any]] = []
    for raw in _items(body):
        try:
            observation = _read(raw, token)
        except ReportError as error:
            results.append(_rejected(raw, error))
            continue
        result: dict[str, Any] = {"report_id": observation.report_id}
        results.append(result)
        accepted.append(result)
        waited_ms = uptime_ms - observation.uptime_ms
        same_boot = boot_id is not None and boot_id == observation.boot_id and waited_ms > 0
        latest_ms = received_ms - waited_ms if same_boot else received_ms
        arrivals.append(Arrival(observation, received_ms, latest_ms))
    if arrivals:
        statuses = ingest.submit(arrivals).result(timeout=_WRITER_DEADLINE_S)
        for result, status in zip(accepted, statuses, strict=True):
            result["status"] = str(status)
            if status is ReceiptStatus.CONFLICT:
                result["problem"] = document(
                    HTTPStatus.CONFLICT,
                    "conflict",
                    "another report was accepted under this gateway_id, stream_id and sequence;"
                    " is the state directory a copy?",
                )
    return Response(msgspec.json.encode({"results": results}), media_type="application/json")


def _read(raw: bytes | msgspec.Raw, token: Token) -> Observation:
    view = memoryview(raw)
    if view.nbytes > MOST_BYTES_EACH:
        raise ReportError(f"a report has at most {MOST_BYTES_EACH} bytes", key="")
    observation = read_report(view)
    if observation.gateway_id != token.gateway_id:
        raise ReportError("the token is another gateway's", key="gateway_id")
    return observation


def _rejected(raw: bytes | msgspec.Raw, error: ReportError) -> dict[str, Any]:
    foreign = error.key == "gateway_id" and "token" in error.message
    status = HTTPStatus.FORBIDDEN if foreign else HTTPStatus.UNPROCESSABLE_ENTITY
    problem = document(
        status, "foreign_gateway" if foreign else "invalid_report", error.message, key=error.key
    )
    return {"report_id": _report_id(raw), "status": "rejected", "problem": problem}


def _report_id(raw: bytes | msgspec.Raw) -> str | None:
    """Return the id of a report that can not be read, if that much can be read of it."""
    try:
        body = json.loads(bytes(raw))
    except (ValueError, RecursionError):
        return None
    found = body.get("report_id") if isinstance(body, dict) else None
    return found[:64] if isinstance(found, str) and found.isprintable() else None


def _items(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    try:
        try:
            batch = _batches.decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            return _items_by_the_lenient_reader(body, error)
        if body.count(b'"reports"') != 1 or b"\\" in body:
            _no_second_list(body)
    except msgspec.ValidationError as error:
        raise _unreadable(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_batch", str(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _unreadable(HTTPStatus.BAD_REQUEST, "malformed_json", str(error)) from error
    return batch.reports


def _items_by_the_lenient_reader(
    body: bytes, refusal: msgspec.DecodeError
) -> Sequence[bytes | msgspec.Raw]:
    """Split a body whose strings hold half a surrogate pair, or whose numbers are none.

    What a modem sends can end up so in one report; its neighbours are not to suffer. The items are
    judged one by one afterwards.
    """
    try:
        whole = json.loads(body, object_pairs_hook=no_key_twice)
    except (ValueError, RecursionError, ReportError):
        raise refusal from None
    _batches.decode(msgspec.json.encode({"reports": [None] * _length(whole)}))
    return [json.dumps(one).encode("ascii") for one in whole["reports"]]


def _length(whole: object) -> int:
    reports = whole.get("reports") if isinstance(whole, dict) else None
    if not isinstance(reports, list):
        raise msgspec.ValidationError("no list of reports")
    return len(reports)


def _no_second_list(body: bytes) -> None:
    """Refuse a body whose outer object holds ``reports`` twice, however that is spelled."""
    outermost: list[tuple[str, object]] = []

    def keep(pairs: list[tuple[str, object]]) -> None:
        outermost[:] = pairs

    try:
        json.loads(body, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return  # an item is off: it is answered by itself
    if [name for name, _ in outermost].count("reports") > 1:
        raise msgspec.ValidationError("the key 'reports' stands twice")


def _unreadable(status: HTTPStatus, code: str, detail: str) -> ProblemDetails:
    return ProblemDetails(
        status, code, f'{detail}; expected {{"reports": [1 to {MOST_REPORTS} reports]}}'
    )


async def _body(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise ProblemDetails(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_encoding",
            f"content encoding {encoding[:40]!r} is not known, gzip is",
            headers={"Accept-Encoding": "gzip"},
        )
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length) > MOST_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    unzip = zlib.decompressobj(wbits=31) if encoding != "identity" else None
    async for chunk in request.stream():
        part = chunk
        if unzip is not None:
            try:
                part = unzip.decompress(chunk, MOST_BYTES + 1 - size)
            except zlib.error as error:
                raise _bad_gzip() from error
            if unzip.unconsumed_tail:
                raise _too_large()
        size += len(part)
        if size > MOST_BYTES:
            raise _too_large()
        parts.append(part)
    if unzip is not None and not unzip.eof:
        raise _bad_gzip()
    return b"".join(parts)


def _bad_gzip() -> ProblemDetails:
    return ProblemDetails(
        HTTPStatus.BAD_REQUEST, "malformed_gzip", "the body is no complete gzip data"
    )


def _too_large() -> ProblemDetails:
    return ProblemDetails(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"a body has at most {MOST_BYTES} bytes, unpacked",
        limit=MOST_BYTES,
    )


@router.post("/enroll")
def enroll(
    request: Request,
    wish: Enrolment,
    token: Annotated[Token, Depends(requires(Scope.ENROLL))],
) -> Enrolled:
    """Make a gateway's own token, so that one secret sets up a fleet."""
    if not wish.gateway_id.isprintable():
        raise ProblemDetails(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "gateway_id must be printable"
        )
    secret = tokens.enroll(request.app.state.database, wish.gateway_id)
    if secret is None:
        raise ProblemDetails(
            HTTPStatus.CONFLICT,
            "enrolled",
            "this gateway has a token in use; revoke that one first",
            gateway_id=wish.gateway_id,
        )
    return Enrolled(token=secret)
