"""Orders: what suppliers are to deliver, in lots, and what was received."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api.asset_documents import (
    OrderFields,
    OrderPage,
    ReceivedUnits,
    WholeOrder,
    shown_register,
)
from modemagent.registry.api.assets import CHANGES, CSV, asset_calls, changed, with_revision
from modemagent.registry.api.documents import PROBLEMS
from modemagent.registry.api.fleet import NOT_FOUND, Limit, Reader
from modemagent.registry.api.lists import AfterKey, Key, Operator, not_found
from modemagent.registry.api.revisions import IF_MATCH, IfMatch, revision_of
from modemagent.registry.calls.assets import order_csv_of

router = APIRouter(prefix="/api/v1", tags=["orders"], responses=PROBLEMS)

_MOST = 1000
_WITH_REVISION = {"parameters": [IF_MATCH]}
OrderName = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_. -]+$")]


@router.get("/orders", response_model=OrderPage)
def get_orders(
    request: Request, token: Reader, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List orders, newest first."""
    page = asset_calls(request, token).orders(limit, after)
    return JSONResponse(shown_register(page, token))


@router.get("/orders/{order}", response_model=WholeOrder, responses=NOT_FOUND | CSV)
def get_order(
    request: Request,
    token: Reader,
    order: OrderName,
    limit: Limit = 100,
    after: AfterKey = None,
    form: Annotated[
        Literal["json", "csv"], Query(alias="format", description="csv: an order file.")
    ] = "json",
) -> Response:
    """Return an order with its lots and its rows, by its number or its id."""
    made = asset_calls(request, token)
    if form == "csv":
        text = order_csv_of(
            lambda following: shown_register(made.order(order, _MOST, following), token)
        )
        if text is None:
            raise not_found("order")
        return Response(text, media_type="text/csv; charset=utf-8")
    found = made.order(order, limit, after)
    if found is None:
        raise not_found("order")
    return with_revision(found, token)


@router.patch(
    "/orders/{order}", response_model=WholeOrder, responses=CHANGES, openapi_extra=_WITH_REVISION
)
def patch_order(
    request: Request, token: Operator, order: Key, fields: OrderFields, if_match: IfMatch = None
) -> Response:
    """Change supplier or note of an order, or close it, if it has not changed since it was read."""
    revision = revision_of(if_match, "order")
    given = fields.model_dump(exclude_unset=True)
    made = asset_calls(request, token)
    found = changed(lambda: made.change_order(order, revision, given), token, "order")
    return with_revision(found, token)


@router.put(
    "/orders/{order}/rows/{row}/received",
    response_model=WholeOrder,
    responses=CHANGES,
    openapi_extra=_WITH_REVISION,
)
def put_received(
    request: Request,
    token: Operator,
    order: Key,
    row: Key,
    units: ReceivedUnits,
    if_match: IfMatch = None,
) -> Response:
    """Set how many units of a row without a number were received.

    A row with an IMEI or ICCID is received when its unit reports.
    """
    revision = revision_of(if_match, "order")
    made = asset_calls(request, token)
    found = changed(
        lambda: made.receive_units(order, row, revision, units.received), token, "order or row"
    )
    return with_revision(found, token)
