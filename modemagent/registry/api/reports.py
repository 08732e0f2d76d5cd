"""Receipt of reports in batches.

The batch route carries the load of a fleet: the body is read up to a limit and split into reports
without decoding them. Each report is then parsed separately, so an invalid one does not affect the
others.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.errors import ReportError
from modemagent.registry.api.auth import check_scope
from modemagent.registry.api.batch_scan import (
    MOST_REPORTS,
    decode_batch,
    decode_few,
    has_one_list,
    split_by_scanning,
)
from modemagent.registry.api.metrics import RegistryMetrics
from modemagent.registry.api.problem_details import ProblemDetails, document, unavailable
from modemagent.registry.api.quotas import MemoryBudget
from modemagent.registry.api.request_body import RequestBody, is_too_deep
from modemagent.registry.envelope import open_envelope
from modemagent.registry.ingest import Busy, Ingest
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.intake.arrivals import (
    ACCEPTED,
    Arrival,
    ReceiptStatus,
    ReportResult,
    Sender,
)
from modemagent.registry.store.people.tokens import Scope, Token
from modemagent.report.message import BOOT_ID_HEADER, FIRST_PENDING_HEADER, UPTIME_HEADER

MOST_BYTES = 8 * 1024 * 1024  # of a body, before and after gzip
MOST_BYTES_EACH = 64 * 1024
_WRITER_DEADLINE_S = 60
_BOOT_ID = BOOT_ID_HEADER.lower().encode("ascii")
_FIRST_PENDING = FIRST_PENDING_HEADER.lower().encode("ascii")
_UPTIME = UPTIME_HEADER.lower().encode("ascii")

_Result = dict[str, Any]  # of one report, as in the response


class _ForeignGateway(ReportError):
    """A report whose gateway is not the one the token is bound to."""


_MOST_SCANNED = 1024 * 1024  # bytes, which can take a second
_MOST_ON_LOOP = 64 * 1024  # bytes of a batch that is opened in the event loop, in about 1 ms
_ACCEPTED: _Result = {"status": str(ReceiptStatus.ACCEPTED)}


class ReportRoute:
    """``POST /api/v1/reports`` as a plain ASGI route: FastAPI takes longer than the rest.

    :param budget: memory for the bodies of all requests
    """

    def __init__(self, state: State, budget: MemoryBudget) -> None:
        self._state = state
        self._budget = budget

    async def __call__(
        self,
        scope: AsgiScope,
        receive: Receive,
        send: Send,
        token: Token,
        headers: Mapping[bytes, bytes],
    ) -> None:
        check_scope(token, Scope.GATEWAY)
        ingest: Ingest = self._state.ingest
        retry_after_s = ingest.retry_after_s()
        if retry_after_s is not None:
            raise _busy(retry_after_s)
        body = RequestBody(receive, self._budget, MOST_BYTES)
        try:
            opened = await _open_in_time(await body.read(headers), token, _sender(headers))
            if opened.arrivals:
                await _store(ingest, opened)
        finally:
            body.release()
        self._count(opened.results)
        result = msgspec.json.encode({"results": opened.results})
        length = b"%d" % len(result)
        fields = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": result})

    def _count(self, results: list[_Result]) -> None:
        metrics: RegistryMetrics = self._state.metrics
        for status, count in Counter([result["status"] for result in results]).items():
            metrics.reports[status].inc(count)
            if status == ReceiptStatus.REJECTED:
                for one in results:
                    if one["status"] == status:
                        metrics.rejected.labels(one["problem"]["code"]).inc()


class _Opened(NamedTuple):
    """A batch of which the reports are to be stored.

    :param results: of all reports, in their order
    :param waiting: those of the reports to be stored
    """

    results: list[_Result]
    waiting: list[_Result]
    arrivals: list[Arrival]


async def _open_in_time(body: bytes | bytearray, token: Token, sender: Sender) -> _Opened:
    """Open the reports of a batch: a usual one here, which takes less than a change of threads."""
    reports = decode_few(body) if len(body) <= _MOST_ON_LOOP else None
    if reports is not None:
        return _open(reports, token, sender)
    opened = await run_in_threadpool(_open_or_problem, body, token, sender)
    del body  # the exception and this frame are a reference cycle
    if isinstance(opened, ProblemDetails):
        raise opened
    return opened


def _open_or_problem(
    body: bytes | bytearray, token: Token, sender: Sender
) -> _Opened | ProblemDetails:
    """Return the opened reports or the error of a batch.

    An exception that leaves the thread is part of a reference cycle, and its traceback and cause
    would keep the body in memory until the next run of the garbage collector.
    """
    try:
        return _open(_split(body), token, sender)
    except ProblemDetails as problem:
        problem.__cause__ = problem.__context__ = None
        return problem.with_traceback(None)


def _open(reports: Sequence[bytes | msgspec.Raw], token: Token, sender: Sender) -> _Opened:
    received_ms = now_ms()
    opened = _Opened([], [], [])
    for raw in reports:
        try:
            envelope = open_envelope(_checked(raw))
            if envelope.gateway_id != token.gateway_id:
                raise _ForeignGateway("the token belongs to another gateway", key="gateway_id")
        except ReportError as error:
            opened.results.append({"report_id": _report_id(raw), **_rejected(error)})
            continue
        result: _Result = {"report_id": envelope.report_id}
        opened.results.append(result)
        opened.waiting.append(result)
        opened.arrivals.append(Arrival(envelope, received_ms, sender))
    return opened


async def _store(ingest: Ingest, opened: _Opened) -> None:
    """Store reports and add what became of them to their results."""
    try:
        async with asyncio.timeout(_WRITER_DEADLINE_S):
            receipts = await ingest.submit(opened.arrivals)
    except Busy as busy:
        raise _busy(busy.retry_after_s) from busy
    for result, receipt in zip(opened.waiting, receipts, strict=True):
        result.update(_outcome(receipt))


def _sender(headers: Mapping[bytes, bytes]) -> Sender:
    uptime = headers.get(_UPTIME, b"")
    uptime_ms = int(uptime) if uptime.isdigit() and len(uptime) < 16 else -1
    return Sender(
        _text(headers.get(_BOOT_ID)), uptime_ms, _pending(_text(headers.get(_FIRST_PENDING)))
    )


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value else None


def _busy(retry_after_s: float) -> ProblemDetails:
    return unavailable("busy", "too many reports wait to be stored", ceil(retry_after_s))


def _outcome(result: ReportResult) -> _Result:
    if result is ACCEPTED:
        return _ACCEPTED
    if result.error is not None:
        return _rejected(result.error)
    if result.status is ReceiptStatus.CONFLICT:
        problem = document(
            HTTPStatus.CONFLICT,
            "conflict",
            "another report was accepted under this gateway_id, stream_id and sequence;"
            " check whether the state directory was copied from another gateway",
        )
        return {"status": str(result.status), "problem": problem}
    return {"status": str(result.status)}


def _pending(header: str | None) -> tuple[str, int] | None:
    """Return the stream and number of ``Modemagent-First-Pending``; None if it is malformed."""
    stream_id, _, number = (header or "").strip().rpartition(" ")
    if not stream_id or not (number.isascii() and number.isdecimal() and len(number) < 14):
        return None
    return stream_id, int(number)


def _checked(raw: bytes | msgspec.Raw) -> bytes:
    """Return the bytes of a report that is neither too long nor too deep."""
    found = bytes(raw)
    if len(found) > MOST_BYTES_EACH:
        raise ReportError(f"a report must not exceed {MOST_BYTES_EACH} bytes", key="")
    if is_too_deep(found):
        raise ReportError("the JSON of the report is nested too deeply", key="")
    return found


def _rejected(error: ReportError) -> _Result:
    foreign = isinstance(error, _ForeignGateway)
    status = HTTPStatus.FORBIDDEN if foreign else HTTPStatus.UNPROCESSABLE_ENTITY
    problem = document(
        status, "foreign_gateway" if foreign else "invalid_report", error.message, key=error.key
    )
    return {"status": str(ReceiptStatus.REJECTED), "problem": problem}


def _report_id(raw: bytes | msgspec.Raw) -> str | None:
    """Return the id of an invalid report, or None if it cannot be found."""
    try:
        body = json.loads(bytes(raw))
    except (ValueError, RecursionError):
        return None
    found = body.get("report_id") if isinstance(body, dict) else None
    return found[:64] if isinstance(found, str) and found.isprintable() else None


def _split(body: bytes | bytearray) -> Sequence[bytes | msgspec.Raw]:
    """Split a batch into reports without decoding them.

    :raises ProblemDetails: the body is not a batch of 1 to 1000 reports
    """
    try:
        try:
            reports = decode_batch(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            if len(body) > _MOST_SCANNED:
                raise
            # half a surrogate pair or a number that JSON does not have: bytes of a modem can end up
            # in one report this way, which must not affect the others
            return split_by_scanning(body)
        if not has_one_list(body, reports):
            raise msgspec.ValidationError("the key 'reports' occurs twice")
    except msgspec.ValidationError as error:
        raise _invalid(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_batch", error) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _invalid(HTTPStatus.BAD_REQUEST, "malformed_json", error) from error
    return reports


def _invalid(status: HTTPStatus, code: str, error: Exception) -> ProblemDetails:
    return ProblemDetails(
        status, code, f'{error}; expected {{"reports": [1 to {MOST_REPORTS} reports]}}'
    )
