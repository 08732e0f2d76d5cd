"""Changes that are based on a revision, which a request states in ``If-Match``."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header

from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.store.findings.decisions import StaleRevision

IfMatch = Annotated[str | None, Header(include_in_schema=False)]
_REVISION = re.compile(r'"?([0-9]{1,9})"?')
#: The header as described: it is required, and a request without it gets 428 instead of 422.
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": 'Revision of the object on which the change is based, such as "3".',
    "schema": {"type": "string", "pattern": f"^{_REVISION.pattern}$"},
}


def revision_of(if_match: str | None, thing: str) -> int:
    """Return the revision that a request states.

    :param thing: what has the revision, such as ``finding``
    :raises ProblemDetails: 428 without the header, 400 if it is not one revision
    """
    if if_match is None:
        raise ProblemDetails(
            HTTPStatus.PRECONDITION_REQUIRED,
            "if_match_required",
            f"state the revision of the {thing} in If-Match",
        )
    found = _REVISION.fullmatch(if_match.strip())
    if found is None:
        detail = 'If-Match must be one revision, such as "3"'
        raise ProblemDetails(HTTPStatus.BAD_REQUEST, "if_match", detail)
    return int(found[1])


def stale_revision(stale: StaleRevision, thing: str, difference: Any) -> ProblemDetails:
    """Return the error of a change that is based on an earlier revision.

    :param difference: as the token may see it
    """
    return ProblemDetails(
        HTTPStatus.PRECONDITION_FAILED,
        "stale_revision",
        f"the {thing} has revision {stale.revision} by now",
        headers={"ETag": f'"{stale.revision}"'},
        revision=stale.revision,
        difference=difference,
    )
