"""Enrollment of gateways: one secret gives each of a fleet a token of its own."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from modemagent.registry.api.documents import PROBLEM, PROBLEMS, Enrolled, Enrollment
from modemagent.registry.api.permissions import requires
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.store.people import tokens
from modemagent.registry.store.people.tokens import EnrollmentRefused, Scope, Token

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1", tags=["gateways"], responses=PROBLEMS)


@router.post("/enroll", responses=dict.fromkeys((400, 409), PROBLEM))
def enroll(
    request: Request,
    enrollment: Enrollment,
    token: Annotated[Token, Depends(requires(Scope.ENROLL))],
) -> Enrolled:
    """Create the token of a gateway, so that one secret sets up a fleet."""
    gateway_id = enrollment.gateway_id
    try:
        enrolled = tokens.enroll(request.app.state.database, gateway_id)
    except EnrollmentRefused as refused:
        if refused.blocked:
            raise ProblemDetails(
                HTTPStatus.FORBIDDEN,
                "enrollment_blocked",
                "the token of this gateway was revoked; an operator must allow its enrollment with"
                " modemagent registry token allow-enrollment",
                gateway_id=gateway_id,
            ) from None
        raise ProblemDetails(
            HTTPStatus.CONFLICT,
            "enrolled",
            "this gateway already has a token; revoke it first",
            gateway_id=gateway_id,
        ) from None
    if enrolled.replaced is not None:
        log.warning(
            "enrollment replaced the unused token %d of a gateway, created by token %d",
            enrolled.replaced,
            token.number,
        )
        request.app.state.tokens.forget()
    return Enrolled(token=enrolled.secret, replaced=enrolled.replaced)
