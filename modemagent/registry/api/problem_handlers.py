"""Problem documents for the errors of FastAPI and of its routes."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from modemagent.registry.api.problem_details import (
    ProblemDetails,
    internal_error,
    method_not_allowed,
    reply,
)


def add_to(app: FastAPI, allowed_methods: Callable[[str], set[str]]) -> None:
    """Return problem documents for all errors of an application.

    :param allowed_methods: returns the methods of the routes at a path
    """

    @app.exception_handler(ProblemDetails)
    async def problem(_: Request, error: ProblemDetails) -> Response:
        return reply(error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            # the router names the methods of one route only
            return reply(method_not_allowed(allowed_methods(request.scope["path"])))
        code = status.name.lower()
        return reply(ProblemDetails(status, code, str(error.detail), headers=error.headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        errors = [
            {"location": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
            for one in error.errors()
        ]
        detail = "; ".join(f"{one['location']}: {one['message']}" for one in errors)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return reply(ProblemDetails(status, "invalid_request", detail, errors=errors))

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        return reply(internal_error(error))
