"""The first ASGI layer: what a request must fulfil before its body is read.

In this order: the registry is not stopping, the path and the headers are unambiguous, the token is
valid, and the quotas of the token or of the address allow one more request. Only then is the body
read, with limits, and passed on as a whole.

Routes that carry the load of a fleet, or that last long, are called directly, without FastAPI.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.api import quotas
from modemagent.registry.api.addresses import UNKNOWN, ClientAddresses, address_key
from modemagent.registry.api.auth import AUTHENTICATED, unauthorized
from modemagent.registry.api.connection import CONNECTION, RegistryConnection
from modemagent.registry.api.metrics import RegistryMetrics
from modemagent.registry.api.problem_details import (
    ProblemDetails,
    internal_error,
    method_not_allowed,
    send_problem,
    too_many,
    unavailable,
)
from modemagent.registry.api.quotas import Concurrency, MemoryBudget, Rates
from modemagent.registry.api.request_body import (
    ClientDisconnected,
    RequestBody,
    has_body,
    is_too_deep,
    replay,
)
from modemagent.registry.api.token_cache import TokenCache
from modemagent.registry.looks import Looks
from modemagent.registry.store.people.tokens import Scope, Token
from modemagent.registry.store.privacy import acts

Headers = Mapping[bytes, bytes]
DirectRoute = Callable[[AsgiScope, Receive, Send, Token, Headers], Awaitable[None]]

MOST_REQUESTS_EACH = 32  # at a time, of one token
MOST_REQUESTS_OF_GATEWAY = 8
MOST_REQUESTS_OF_ADDRESS = 8  # without a token
_MOST_BYTES = 64 * 1024  # of a body that is not a batch of reports
#: Of a body that lists numbers: a file, a policy with 100,000 pairs, the numbers of a check.
_MOST_BYTES_OF_NUMBERS = 8 * 1024 * 1024
_WITH_NUMBERS = re.compile(
    r"/api/v1/(imports|policy-imports|policy-trials|checks|windows|policies(/[^/]+)?)"
)
_DELAY_OF_REFUSAL_S = 0.25
_RETRY_WHEN_STOPPING_S = 10

_USUAL_METHODS = ("GET", "POST", "HEAD")

#: Headers that must not occur twice, because two programs could use different ones.
_SINGLE_HEADERS = (
    b"authorization",
    b"content-encoding",
    b"content-type",
    b"last-event-id",
    b"modemagent-boot-id",
    b"modemagent-uptime-ms",
    b"modemagent-first-pending",
)
#: An encoded slash or backslash, and control characters, which servers and proxies decode
#: differently.
_AMBIGUOUS = re.compile(rb"%(?:2[Ff]|5[Cc]|[01][0-9A-Fa-f]|7[Ff])|//|\\|/\.{1,2}(?:/|$)")
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]")  # U+FFFD: not UTF-8
#: Paths whose responses depend on an identifier in the request.
_ABOUT_ONE_NUMBER = re.compile(r"/api/v1/(?:lookup|(?:modems|sims)/[^/]+(?:/timeline)?)")
#: Of responses that do not have their own.
_SECURITY_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]


class Gate:
    """Middleware that authenticates requests and enforces quotas.

    :param app: the application for all routes that are not direct
    :param budget: memory for the bodies of all requests
    :param looks: collects the numbers that are shown in full
    :param direct: direct routes by method and path
    :param allowed_methods: returns the methods of the routes at a path
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: TokenCache,
        metrics: RegistryMetrics,
        addresses: ClientAddresses,
        budget: MemoryBudget,
        looks: Looks,
        direct: Mapping[tuple[str, str], DirectRoute],
        allowed_methods: Callable[[str], Awaitable[set[str]]],
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._metrics = metrics
        self._addresses = addresses
        self._direct = direct
        self.methods_at = allowed_methods
        self._by_token: Concurrency[int] = Concurrency(MOST_REQUESTS_EACH)
        self._by_address: Concurrency[str] = Concurrency(MOST_REQUESTS_OF_ADDRESS)
        self._wrong_tokens = Rates(quotas.WRONG_TOKENS)
        self.masked_lookups = Rates(*quotas.MASKED_LOOKUPS)
        self._budget = budget
        self._looks = looks
        self.is_stopping = False

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection: RegistryConnection | None = scope.pop(CONNECTION, None)
        response = _Response(send, scope, self._metrics, connection)
        try:
            await self._admit(scope, receive, response, connection)
        except ProblemDetails as problem:
            if response.is_started:
                raise
            self._metrics.refused(str(problem.body["code"]))
            if problem.status is HTTPStatus.TOO_MANY_REQUESTS:
                # a client that ignores Retry-After would otherwise keep the registry busy
                await asyncio.sleep(_DELAY_OF_REFUSAL_S)
            await send_problem(response, problem)
        except ClientDisconnected:
            pass
        except Exception as error:
            if not response.is_started:  # else logged, if by a route of the application
                await send_problem(response, internal_error(error))
            elif not response.is_complete:
                raise

    async def _admit(
        self,
        scope: AsgiScope,
        receive: Receive,
        send: _Response,
        connection: RegistryConnection | None,
    ) -> None:
        if self.is_stopping:
            detail = "the registry is stopping; retry later"
            raise unavailable("stopping", detail, _RETRY_WHEN_STOPPING_S)
        headers = dict(scope["headers"])
        path = scope["path"]
        _check_unambiguous(scope, headers)
        if scope["method"] == "OPTIONS":
            await self._send_options(path, send)
            return
        if scope["method"] not in _USUAL_METHODS:
            allowed = await self.methods_at(path)
            if allowed and scope["method"] not in allowed:
                raise method_not_allowed(allowed)
        if scope["method"] == "HEAD":
            # the server omits the body of the response
            scope = {**scope, "method": "GET"}
            send.scope = scope
        if path.startswith("/api/") or path == "/metrics":
            token = await self._authenticate(scope, headers)
            if connection is not None:
                connection.confirm(token.number)
            await self._serve(scope, receive, send, token, headers)
            return
        address = self._address(scope, headers)
        if not self._by_address.acquire(address):
            raise too_many("address_busy", "too many requests at a time from this address", 1)
        try:
            await self._app(scope, receive, send)
        finally:
            self._by_address.release(address)

    async def _serve(
        self, scope: AsgiScope, receive: Receive, send: _Response, token: Token, headers: Headers
    ) -> None:
        path, method = scope["path"], scope["method"]
        is_gateway = token.scope is Scope.GATEWAY
        if not self._by_token.acquire(
            token.number, MOST_REQUESTS_OF_GATEWAY if is_gateway else None
        ):
            raise too_many("token_busy", "too many requests at a time with this token", 1)
        try:
            scope[AUTHENTICATED] = token
            if not is_gateway:
                acts.act_as(acts.Acting(f"token:{token.number}", self._looks.add))
            if not token.full_ids and _ABOUT_ONE_NUMBER.fullmatch(path):
                retry_after_s = self.masked_lookups.hit(str(token.number))
                if retry_after_s is not None:
                    detail = "too many lookups with a token that has no full-id scope"
                    raise too_many("lookups", detail, retry_after_s)
            direct = self._direct.get((method, path))
            if direct is not None:
                send.route = path
                await direct(scope, receive, send, token, headers)
            elif has_body(headers):
                await self._serve_body(scope, receive, send, headers)
            else:
                await self._app(scope, receive, send)
        finally:
            self._by_token.release(token.number)

    async def _serve_body(
        self, scope: AsgiScope, receive: Receive, send: Send, headers: Headers
    ) -> None:
        has_numbers = _WITH_NUMBERS.fullmatch(scope["path"])
        most = _MOST_BYTES_OF_NUMBERS if has_numbers else _MOST_BYTES
        body = RequestBody(receive, self._budget, most)
        try:
            content = await body.read(headers)
            if is_too_deep(content):
                raise ProblemDetails(
                    HTTPStatus.BAD_REQUEST, "deep_json", "the JSON of the body is nested too deeply"
                )
            await self._app(scope, replay(content, receive), send)
        finally:
            body.release()

    async def _authenticate(self, scope: AsgiScope, headers: Headers) -> Token:
        kind, _, secret = headers.get(b"authorization", b"").strip().partition(b" ")
        secret = secret.strip()
        if not secret:
            raise await self._unauthorized(
                scope, "a token is required: Authorization: Bearer TOKEN"
            )
        token = await self._tokens.find(secret) if kind.lower() == b"bearer" else None
        if token is not None:
            return token
        retry_after_s = self._wrong_tokens.hit(self._address(scope, headers))
        if retry_after_s is not None:
            detail = "too many requests with an invalid token from this address"
            raise too_many("wrong_tokens", detail, retry_after_s)
        raise await self._unauthorized(scope, "the token is invalid, expired or revoked")

    async def _unauthorized(self, scope: AsgiScope, detail: str) -> ProblemDetails:
        """Return the error of a request without a valid token: 401, or 405 if no token helps."""
        if (scope["method"], scope["path"]) in self._direct:
            return unauthorized(detail)
        allowed = await self.methods_at(scope["path"])
        if allowed and scope["method"] not in allowed:
            return method_not_allowed(allowed)
        return unauthorized(detail)

    def _address(self, scope: AsgiScope, headers: Headers) -> str:
        client = scope.get("client")
        if client is None:
            return UNKNOWN
        return address_key(self._addresses.client_of(client[0], headers.get(b"x-forwarded-for")))

    async def _send_options(self, path: str, send: Send) -> None:
        methods = await self.methods_at(path)
        if not methods:
            raise ProblemDetails(HTTPStatus.NOT_FOUND, "not_found", "no route at this path")
        allow = ", ".join(sorted(methods)).encode("ascii")
        start = {"type": "http.response.start", "status": 204, "headers": [(b"allow", allow)]}
        await send(start)
        await send({"type": "http.response.body"})


class _Response:
    """The ``send`` of a request: adds security headers, counts and times the response."""

    def __init__(
        self,
        send: Send,
        scope: AsgiScope,
        metrics: RegistryMetrics,
        connection: RegistryConnection | None,
    ) -> None:
        self._send = send
        self._metrics = metrics
        self._connection = connection
        self._started = time.perf_counter()
        self.scope = scope
        self.route = ""
        self.is_started = self.is_complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_started = True
            route = self.scope.get("route")
            label = self.route or (route.path if route is not None else "unmatched")
            elapsed = time.perf_counter() - self._started
            self._metrics.responded(label, message["status"], elapsed)
            headers = list(message.get("headers", ()))
            names = {name for name, _ in headers}
            headers += [one for one in _SECURITY_HEADERS if one[0] not in names]
            if self._connection is not None and self._connection.expects_more:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        elif not message.get("more_body", False):
            self.is_complete = True
        await self._send(message)


def _check_unambiguous(scope: AsgiScope, headers: Headers) -> None:
    raw_path = scope.get("raw_path") or b""
    if _AMBIGUOUS.search(raw_path) or _UNREADABLE.search(scope["path"]):
        raise ProblemDetails(
            HTTPStatus.BAD_REQUEST,
            "path",
            "a path must not contain encoded slashes, control characters, '//', '.' or '..';"
            " ids do not contain slashes",
        )
    if b"%00" in scope["query_string"]:  # no text in PostgreSQL has it
        detail = "the query of an address must not contain the character U+0000 (%00)"
        raise ProblemDetails(HTTPStatus.BAD_REQUEST, "query", detail)
    if len(headers) != len(scope["headers"]):
        names = [name for name, _ in scope["headers"]]
        repeated = next((name for name in _SINGLE_HEADERS if names.count(name) > 1), None)
        if repeated is not None:
            raise ProblemDetails(
                HTTPStatus.BAD_REQUEST,
                "repeated_header",
                f"the header {repeated.decode('ascii')} must not occur twice",
            )
