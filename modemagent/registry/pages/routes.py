"""The addresses of the pages: which function answers each, and who may use it."""

from __future__ import annotations

from typing import NamedTuple

from modemagent.registry.pages import (
    asset,
    assets,
    audit,
    bench,
    bulk,
    case,
    cases,
    check,
    check_result,
    check_sheet,
    deadlines,
    exports,
    finding,
    findings,
    gateway,
    gateways,
    imports,
    lists,
    live,
    lookup,
    me,
    modem,
    orders,
    overview,
    people,
    policies,
    policy,
    policy_form,
    rechecks,
    report,
    retention,
    rules,
    second_factor,
    sheet,
    sim,
    system,
    tac,
    timeline_file,
    tokens,
    unit_lists,
    unit_note,
    views,
    webhooks,
    windows,
)
from modemagent.registry.pages.forms import MOST_FILE_BYTES, MOST_FORM_BYTES
from modemagent.registry.pages.frame import AsyncHandler, Handler
from modemagent.registry.pages.session import SignIn
from modemagent.registry.store.people.people import Person
from modemagent.registry.store.people.tokens import Scope


class PageRoute(NamedTuple):
    """An address and what answers it.

    :param right: what people with the scope may do here, as words; empty: it needs no right
    :param proof: what is done, as words, if it needs a recent proof of the password
    :param is_open: it needs no session
    :param most_bytes: of its form
    """

    method: str
    path: str
    handler: Handler | AsyncHandler
    right: str = ""
    scope: Scope = Scope.OPERATE
    proof: str = ""
    is_open: bool = False
    most_bytes: int = MOST_FORM_BYTES


def _get(path: str, handler: Handler) -> PageRoute:
    return PageRoute("GET", path, handler)


def _post(
    path: str,
    handler: Handler,
    right: str = "",
    most_bytes: int = MOST_FORM_BYTES,
    proof: str = "",
) -> PageRoute:
    return PageRoute("POST", path, handler, right, proof=proof, most_bytes=most_bytes)


def open_routes(sign_in: SignIn) -> list[PageRoute]:
    """Return the routes of the pages that need no session."""
    return [
        PageRoute("GET", "/sign-in", sign_in.form, is_open=True),
        PageRoute("POST", "/sign-in", sign_in.sign_in, is_open=True),
        PageRoute("GET", "/sign-in/code", sign_in.code_form, is_open=True),
        PageRoute("POST", "/sign-in/code", sign_in.check_code, is_open=True),
        PageRoute("POST", "/sign-out", sign_in.sign_out, is_open=True),
        PageRoute("GET", "/welcome/{secret}", sign_in.welcome, is_open=True),
        PageRoute("POST", "/welcome/{secret}", sign_in.accept, is_open=True),
    ]


def _audit(method: str, path: str, handler: Handler) -> PageRoute:
    return PageRoute(method, path, handler, "read the audit", Scope.AUDIT)


def _admin(method: str, path: str, handler: Handler, proof: str = "") -> PageRoute:
    return PageRoute(method, path, handler, "administer the registry", Scope.ADMIN, proof)


#: Pages beside the main ones, in named groups.
MENU: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Work",
        (
            ("/cases", "Cases"),
            ("/policies", "Policies"),
            ("/windows", "Announced work"),
            ("/rechecks", "Re-checks"),
        ),
    ),
    (
        "Registers",
        (
            ("/assets", "Assets"),
            ("/orders", "Orders"),
            ("/bench", "Benches"),
            ("/deadlines", "Deadlines"),
            ("/lists", "Lists"),
            ("/imports", "Imports"),
            ("/exports", "Exports"),
        ),
    ),
    (
        "Record and access",
        (
            ("/live", "Live events"),
            ("/audit", "Audit"),
            ("/retention", "Retention"),
            ("/admin/people", "People"),
            ("/admin/tokens", "Tokens"),
            ("/admin/webhooks", "Webhooks"),
            ("/admin/rules", "Rules"),
            ("/admin/tac", "TAC table"),
            ("/admin/system", "System"),
        ),
    ),
)

ROUTES = (
    _get("/", overview.show),
    _get("/live", live.show),
    _get("/live/stream", live.stream),
    _get("/lookup", lookup.form),
    _post("/lookup", lookup.find),
    _get("/me", me.show),
    _post("/me/preferences", me.set_preferences),
    _post("/me/end-others", me.end_others),
    _post("/me/sessions/{name}", me.end_session),
    _post("/me/second-factor", second_factor.begin, proof="set a second factor"),
    _post("/me/enable-factor", second_factor.enable, proof="set a second factor"),
    _post("/me/remove-factor", second_factor.remove, proof="remove the second factor"),
    _post("/me/recovery-codes", second_factor.renew_codes, proof="replace the recovery codes"),
    _get("/modems", unit_lists.modems),
    _get("/modems/csv", unit_lists.modems_csv),
    _get("/sims", unit_lists.sims),
    _get("/sims/csv", unit_lists.sims_csv),
    _get("/modems/{name}", modem.show),
    _get("/modems/{name}/sheet", sheet.modem),
    _get("/modems/{name}/timeline", timeline_file.modem),
    _post("/modems/{name}/note", unit_note.modem, "write notes"),
    _get("/sims/{name}", sim.show),
    _get("/sims/{name}/sheet", sheet.sim),
    _get("/gateways", gateways.show),
    _get("/gateways/csv", gateways.csv),
    _get("/sims/{name}/timeline", timeline_file.sim),
    _post("/sims/{name}/note", unit_note.sim, "write notes"),
    _get("/gateways/{name}", gateway.show),
    _get("/findings", findings.show),
    _get("/findings/csv", findings.csv),
    _get("/findings/{id}", finding.show),
    _post("/findings/{id}/{action}", finding.decide, "decide about findings"),
    _post("/selections", bulk.freeze, "decide about findings"),
    _get("/selections/{name}", bulk.show),
    _post("/selections/{name}/{action}", bulk.decide, "decide about findings"),
    _post("/views", views.save),
    _post("/views/{name}/remove", views.remove),
    _get("/reports/{gateway}/{stream}/{sequence:int}", report.show),
    _get("/check", check.form),
    _post("/check", check.start, most_bytes=MOST_FILE_BYTES),
    _get("/check/{name}", check_result.show),
    _get("/check/{name}/csv", check_result.csv),
    _get("/check/{name}/sheet", check_sheet.sheet),
    _get("/check/{name}/lot", check_sheet.lot_report),
    _post("/check/{name}/again", check_result.again),
    _post("/check/{name}/track", check_result.track, "change the lists"),
    _get("/cases", cases.show_all),
    _get("/cases/new", cases.new),
    _post("/cases/new", cases.open_case, "open cases"),
    _get("/cases/{name}", case.show),
    _get("/cases/{name}/letter", case.letter),
    _post("/cases/{name}/change", case.change, "work on cases"),
    _post("/cases/{name}/note", case.note, "work on cases"),
    _post("/cases/{name}/task", case.task, "work on cases"),
    _post("/cases/{name}/close", case.close, "work on cases", proof="close a case"),
    _get("/policies", policies.show_all),
    _get("/policies/new", policy_form.new),
    _post("/policies/new", policy_form.add, "change policies", MOST_FILE_BYTES),
    _get("/policies/{name}", policy.show),
    _get("/policies/{name}/pairs", policy.pairs),
    _get("/policies/{name}/edit", policy_form.edit),
    _post("/policies/{name}/edit", policy_form.change, "change policies", MOST_FILE_BYTES),
    _post("/policies/{name}/apply", policy.apply, "change policies"),
    _post("/policies/{name}/revert", policy.revert, "change policies"),
    _post("/policies/{name}/delete", policy.delete, "change policies", proof="delete a policy"),
    _get("/windows", windows.show_all),
    _post("/windows", windows.announce, "announce work"),
    _post("/windows/{name}/end", windows.end, "announce work"),
    _get("/rechecks", rechecks.show_all),
    _get("/rechecks/{name}", rechecks.show),
    _post(
        "/rechecks/{name}/confirm",
        rechecks.confirm,
        "confirm re-checks",
        proof="make the findings of a re-check",
    ),
    _post("/rechecks/{name}/undo", rechecks.undo, "undo changes", proof="undo a change"),
    _get("/lists", lists.show_all),
    _get("/lists/{name}", lists.show),
    _get("/lists/{name}/csv", lists.csv),
    _post("/lists/{name}/find", lists.find),
    _post("/lists/{name}/put", lists.put, "change the lists"),
    _post("/lists/{name}/remove", lists.remove, "change the lists"),
    _get("/imports", imports.show_all),
    _post("/imports", imports.dry_run, "import files", MOST_FILE_BYTES),
    _post("/imports/apply", imports.apply, "import files", MOST_FILE_BYTES),
    _get("/imports/{name}", imports.show),
    _post("/imports/{name}/undo", imports.undo, "import files"),
    _get("/exports", exports.show),
    _post("/exports", exports.add),
    _get("/exports/{name}/file", exports.fetch),
    _get("/assets", assets.show_all),
    _get("/assets/csv", assets.csv),
    _get("/assets/new", assets.new),
    _post("/assets/new", assets.add, "change assets"),
    _get("/assets/{name}", asset.show),
    _post("/assets/{name}", asset.change, "change assets"),
    _post("/assets/{name}/delete", asset.delete, "delete assets", proof="delete an asset"),
    _get("/deadlines", deadlines.show),
    _get("/deadlines/csv", deadlines.csv),
    _audit("GET", "/audit", audit.show),
    _audit("GET", "/audit/csv", audit.csv),
    _audit("POST", "/audit/verify", audit.verify),
    _admin("GET", "/admin/people", people.show_people),
    _admin("POST", "/admin/people", people.invite, "invite a person"),
    _admin("POST", "/admin/people/{name}/revoke", people.revoke_person, "revoke an account"),
    _admin("GET", "/admin/tokens", tokens.show),
    _admin("POST", "/admin/tokens", tokens.create, "make a token"),
    _admin("POST", "/admin/tokens/{name}/revoke", tokens.revoke, "revoke a token"),
    _admin("GET", "/admin/webhooks", webhooks.show_all),
    _admin("GET", "/admin/webhooks/{name}", webhooks.show),
    _admin("POST", "/admin/webhooks/{name}/test", webhooks.send_test),
    _admin("POST", "/admin/webhooks/{name}/again", webhooks.send_again),
    _admin("GET", "/admin/rules", rules.show),
    _admin("POST", "/admin/rules/dry-run", rules.dry_run),
    _admin("POST", "/admin/rules/check", rules.check, "evaluate the rules for the whole fleet"),
    _admin("GET", "/admin/system", system.show),
    _admin("GET", "/admin/tac", tac.show),
    PageRoute("GET", "/retention", retention.show, "see how long data is kept", Scope.ADMIN),
    _get("/orders", orders.show_all),
    _get("/orders/{name}", orders.show),
    _get("/orders/{name}/csv", orders.csv),
    _post("/orders/{name}", orders.change, "change orders"),
    _get("/bench", bench.show_all),
    _get("/bench/{name}", bench.show),
    _get("/bench/{name}/stream", bench.stream),
    _post("/orders/{name}/receive", orders.receive, "change orders"),
)


def menu_of(person: Person) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the groups of pages that a person may open."""
    needed = {one.path: one.scope for one in ROUTES if one.method == "GET" and one.right}
    groups = [
        (name, [(url, text) for url, text in rows if person.may(needed.get(url, Scope.READ))])
        for name, rows in MENU
    ]
    return [(name, rows) for name, rows in groups if rows]
