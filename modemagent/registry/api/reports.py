"""Receipt of reports in batches, and enrolment of gateways.

The batch route carries the load of a fleet: the body is read up to a limit and split into reports
without decoding them. Each report is then parsed separately, so an invalid one does not affect the
others.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response

from modemagent.errors import ReportError
from modemagent.registry.api.auth import caller, requires
from modemagent.registry.api.documents import PROBLEM, PROBLEMS, Enrolled, Enrolment, Receipts
from modemagent.registry.api.metrics import REJECTED
from modemagent.registry.api.problem_details import ProblemDetails, document
from modemagent.registry.store import tokens
from modemagent.registry.store.engine import now_ms
from modemagent.registry.store.tokens import Scope, Token
from modemagent.registry.store.writer import Arrival, ReceiptStatus
from modemagent.registry.validation import ValidReport, parse_report, reject_duplicate_keys
from modemagent.report.message import BOOT_ID_HEADER, UPTIME_HEADER

MOST_REPORTS = 1000
MOST_BYTES = 16 * 1024 * 1024  # of a body, before and after gzip
MOST_BYTES_EACH = 64 * 1024
_WRITER_DEADLINE_S = 60

router = APIRouter(prefix="/api/v1", tags=["gateways"], responses=PROBLEMS)

_BATCH_SCHEMA = {
    "type": "object",
    "required": ["reports"],
    "properties": {
        "reports": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_REPORTS,
            "items": {"type": "object"},
        }
    },
}


class _ForeignGateway(ReportError):
    """A report whose gateway is not the one the token is bound to."""


class _Batch(msgspec.Struct):
    reports: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MOST_REPORTS)]


_batches = msgspec.json.Decoder(_Batch, strict=True)


@router.post(
    "/reports",
    operation_id="post_reports",
    response_model=Receipts,
    responses=dict.fromkeys((400, 413, 415), PROBLEM),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _BATCH_SCHEMA}},
        }
    },
)
async def post_reports(request: Request) -> Response:
    """Accept 1 to 1000 reports and return a result for each of them. gzip is supported."""
    authorization = request.headers.get("authorization")
    state = request.app.state
    token = await run_in_threadpool(caller, state.database, authorization, Scope.GATEWAY)
    body = await _body(request)
    boot_id = request.headers.get(BOOT_ID_HEADER)
    uptime = request.headers.get(UPTIME_HEADER, "")
    uptime_ms = int(uptime) if uptime.isascii() and uptime.isdecimal() and len(uptime) < 16 else -1
    return await run_in_threadpool(_receive, body, token, state, boot_id, uptime_ms)


def _receive(
    body: bytes, token: Token, state: State, boot_id: str | None, uptime_ms: int
) -> Response:
    received_ms = now_ms()
    results: list[dict[str, Any]] = []
    arrivals: list[Arrival] = []
    for raw in _split(body):
        try:
            report = _parse(raw, token)
        except ReportError as error:
            results.append(_rejected(raw, error))
            continue
        results.append({"report_id": report.report_id})
        waited_ms = uptime_ms - report.uptime_ms
        same_boot = boot_id is not None and boot_id == report.boot_id and waited_ms > 0
        latest_ms = received_ms - waited_ms if same_boot else received_ms
        arrivals.append(Arrival(report, received_ms, latest_ms))
    if arrivals:
        statuses = state.ingest.submit(arrivals).result(timeout=_WRITER_DEADLINE_S)
        valid = [result for result in results if "status" not in result]
        for result, status in zip(valid, statuses, strict=True):
            result["status"] = str(status)
            if status is ReceiptStatus.CONFLICT:
                result["problem"] = document(
                    HTTPStatus.CONFLICT,
                    "conflict",
                    "another report was accepted under this gateway_id, stream_id and sequence;"
                    " check whether the state directory was copied from another gateway",
                )
    for status, count in Counter(result["status"] for result in results).items():
        state.metrics.reports.labels(status).inc(count)
    return Response(msgspec.json.encode({"results": results}), media_type="application/json")


def _parse(raw: bytes | msgspec.Raw, token: Token) -> ValidReport:
    view = memoryview(raw)
    if view.nbytes > MOST_BYTES_EACH:
        raise ReportError(f"a report must not exceed {MOST_BYTES_EACH} bytes", key="")
    report = parse_report(view)
    if report.gateway_id != token.gateway_id:
        raise _ForeignGateway("the token belongs to another gateway", key="gateway_id")
    return report


def _rejected(raw: bytes | msgspec.Raw, error: ReportError) -> dict[str, Any]:
    foreign = isinstance(error, _ForeignGateway)
    status = HTTPStatus.FORBIDDEN if foreign else HTTPStatus.UNPROCESSABLE_ENTITY
    problem = document(
        status, "foreign_gateway" if foreign else "invalid_report", error.message, key=error.key
    )
    return {"report_id": _report_id(raw), "status": REJECTED, "problem": problem}


def _report_id(raw: bytes | msgspec.Raw) -> str | None:
    """Return the id of an invalid report, or None if it cannot be found."""
    try:
        body = json.loads(bytes(raw))
    except (ValueError, RecursionError):
        return None
    found = body.get("report_id") if isinstance(body, dict) else None
    return found[:64] if isinstance(found, str) and found.isprintable() else None


def _split(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    try:
        try:
            batch = _batches.decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            return _split_leniently(body, error)
        if body.count(b'"reports"') != 1 or b"\\" in body:
            _reject_second_list(body)
    except msgspec.ValidationError as error:
        raise _invalid(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_batch", error) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _invalid(HTTPStatus.BAD_REQUEST, "malformed_json", error) from error
    return batch.reports


def _split_leniently(body: bytes, error: msgspec.DecodeError) -> Sequence[bytes | msgspec.Raw]:
    """Split a body that contains half a surrogate pair or a number that JSON does not have.

    Bytes of a modem can end up in one report this way, which must not affect the others. Each
    report is parsed separately afterwards.
    """
    try:
        whole = json.loads(body, object_pairs_hook=reject_duplicate_keys)
    except (ValueError, RecursionError, ReportError):
        raise error from None
    reports = whole.get("reports") if isinstance(whole, dict) else None
    if not isinstance(reports, list):
        raise msgspec.ValidationError("no list of reports")
    _batches.decode(msgspec.json.encode({"reports": [None] * len(reports)}))
    return [json.dumps(one).encode("ascii") for one in reports]


def _reject_second_list(body: bytes) -> None:
    """Reject a body whose outer object has the key ``reports`` twice, with or without escapes."""
    outermost: list[tuple[str, object]] = []

    def keep(pairs: list[tuple[str, object]]) -> None:
        outermost[:] = pairs

    try:
        json.loads(body, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return  # a single report is malformed, and is rejected separately
    if [name for name, _ in outermost].count("reports") > 1:
        raise msgspec.ValidationError("the key 'reports' occurs twice")


def _invalid(status: HTTPStatus, code: str, error: Exception) -> ProblemDetails:
    return ProblemDetails(
        status, code, f'{error}; expected {{"reports": [1 to {MOST_REPORTS} reports]}}'
    )


async def _body(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise ProblemDetails(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_encoding",
            f"content encoding {encoding[:40]!r} is not supported, only gzip",
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
        HTTPStatus.BAD_REQUEST, "malformed_gzip", "the body is not complete gzip data"
    )


def _too_large() -> ProblemDetails:
    return ProblemDetails(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"the decompressed body must not exceed {MOST_BYTES} bytes",
        limit=MOST_BYTES,
    )


@router.post("/enroll", responses=dict.fromkeys((400, 409), PROBLEM))
def enroll(
    request: Request,
    enrolment: Enrolment,
    token: Annotated[Token, Depends(requires(Scope.ENROLL))],
) -> Enrolled:
    """Create the token of a gateway, so that one secret sets up a fleet."""
    if not enrolment.gateway_id.isprintable():
        raise ProblemDetails(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "gateway_id must be printable"
        )
    secret = tokens.enroll(request.app.state.database, enrolment.gateway_id)
    if secret is None:
        raise ProblemDetails(
            HTTPStatus.CONFLICT,
            "enrolled",
            "this gateway already has a token in use; revoke it first",
            gateway_id=enrolment.gateway_id,
        )
    return Enrolled(token=secret)
