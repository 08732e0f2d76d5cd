"""The addresses of the pages: which function answers each, and who may use it."""

from __future__ import annotations

from typing import NamedTuple

from modemagent.registry.pages import (
    check,
    check_result,
    finding,
    findings,
    gateway,
    lookup,
    me,
    modem,
    overview,
    report,
    sim,
    unit_lists,
)
from modemagent.registry.pages.forms import MOST_FILE_BYTES, MOST_FORM_BYTES
from modemagent.registry.pages.frame import AsyncHandler, Handler
from modemagent.registry.pages.session import SignIn


class PageRoute(NamedTuple):
    """An address and what answers it.

    :param right: what an operator may do here, as words; empty: it needs no right
    :param is_open: it needs no session
    :param most_bytes: of its form
    """

    method: str
    path: str
    handler: Handler | AsyncHandler
    right: str = ""
    is_open: bool = False
    most_bytes: int = MOST_FORM_BYTES


def _get(path: str, handler: Handler) -> PageRoute:
    return PageRoute("GET", path, handler)


def _post(
    path: str, handler: Handler, right: str = "", most_bytes: int = MOST_FORM_BYTES
) -> PageRoute:
    return PageRoute("POST", path, handler, right, most_bytes=most_bytes)


def open_routes(sign_in: SignIn) -> list[PageRoute]:
    """Return the routes of the pages that need no session."""
    return [
        PageRoute("GET", "/sign-in", sign_in.form, is_open=True),
        PageRoute("POST", "/sign-in", sign_in.sign_in, is_open=True),
        PageRoute("POST", "/sign-out", sign_in.sign_out, is_open=True),
        PageRoute("GET", "/welcome/{secret}", sign_in.welcome, is_open=True),
        PageRoute("POST", "/welcome/{secret}", sign_in.accept, is_open=True),
    ]


ROUTES = (
    _get("/", overview.show),
    _get("/lookup", lookup.form),
    _post("/lookup", lookup.find),
    _get("/me", me.show),
    _post("/me/preferences", me.set_preferences),
    _post("/me/end-others", me.end_others),
    _get("/modems", unit_lists.modems),
    _get("/sims", unit_lists.sims),
    _get("/modems/{name}", modem.show),
    _get("/sims/{name}", sim.show),
    _get("/gateways", gateway.show_all),
    _get("/gateways/{name}", gateway.show),
    _get("/findings", findings.show),
    _get("/findings/{id}", finding.show),
    _post("/findings/{id}/{action}", finding.decide, "decide about findings"),
    _get("/reports/{gateway}/{stream}/{sequence:int}", report.show),
    _get("/check", check.form),
    _post("/check", check.start, most_bytes=MOST_FILE_BYTES),
    _get("/check/{name}", check_result.show),
    _get("/check/{name}/csv", check_result.csv),
    _post("/check/{name}/again", check_result.again),
    _post("/check/{name}/track", check_result.track, "change the lists"),
)
