"""Tokens: which programs and gateways may do what, and when was each used last?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from modemagent.errors import UsageError
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.words import ACCESS_STATES, Word
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.fleet.documents import to_rfc3339
from modemagent.registry.store.people import tokens
from modemagent.registry.store.people.tokens import Scope

_MOST = 200
#: What a token of each scope may do.
SCOPES = {
    Scope.GATEWAY: "gateway: send the reports of one gateway",
    Scope.ENROLL: "enroll: get the tokens of new gateways",
    Scope.READ: "read: read all but the audit",
    Scope.OPERATE: "operate: read, decide, and change lists and registers",
    Scope.AUDIT: "audit: read, with the audit",
    Scope.ADMIN: "admin: everything but reports and enrollment",
}
_FIELDS = ("scope", "gateway", "expires", "full_ids")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token without its secret."""

    number: int
    scope: str
    gateway_id: str
    full_ids: bool
    state: Word
    used: ShownTime | None
    created: ShownTime | None
    expires: ShownTime | None
    is_valid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensPage:
    """The newest tokens of one kind, with the form for another one.

    :param has_more: older ones are left out
    :param secret: the token that was just made
    :param made: what it is for
    """

    rows: list[TokenRow]
    has_more: bool
    of_gateways: bool
    scopes: dict[Scope, str]
    values: dict[str, str]
    secret: str
    made: str
    refusal: Refusal | None


def show(ask: Ask) -> Answer:
    """Return the tokens, newest first; those of gateways are many and have a list of their own."""
    return _page(ask, of_gateways=ask.query("of") == "gateways")


def create(ask: Ask) -> Answer:
    """Make a token; return the page that shows it once."""
    of_gateways = ask.given("scope") == Scope.GATEWAY
    secret = attempt(lambda: _created(ask), "token")
    if isinstance(secret, Refusal):
        return _page(ask, of_gateways=of_gateways, refusal=secret)
    made = f"scope {ask.given('scope')}"
    if of_gateways:
        made += f", gateway {ask.given('gateway')}"
    return _page(ask, of_gateways=of_gateways, secret=secret, made=made)


def revoke(ask: Ask) -> Answer:
    """Revoke a token; that of a gateway blocks its enrollment too."""
    found = tokens.revoke(ask.state.database, int(ask.key("T", "token")))
    if found is None:
        raise not_found("token")
    return SeeOther("/admin/tokens" + ("?of=gateways" if found.gateway_id else ""))


def _created(ask: Ask) -> str:
    """Make the token of the form and return it.

    :raises UsageError: the fields do not fit together
    """
    if ask.given("scope") not in list(Scope):
        raise UsageError("the scope is unknown", hint=f"Use one of: {', '.join(Scope)}.")
    scope, gateway_id = Scope(ask.given("scope")), ask.given("gateway") or None
    full_ids = bool(ask.given("full_ids"))
    if (scope == Scope.GATEWAY) != (gateway_id is not None):
        raise UsageError(
            "a gateway belongs to a token of scope gateway, and to no other",
            hint="Enter the id of the gateway, or choose another scope.",
        )
    if gateway_id is not None and not tokens.is_gateway_id(gateway_id):
        raise UsageError("the id of a gateway has 1 to 256 printable characters and no slash")
    if full_ids and scope in (Scope.GATEWAY, Scope.ENROLL):
        raise UsageError("a token of this scope reads nothing", hint="Leave out full identifiers.")
    return tokens.create(
        ask.state.database,
        scope,
        gateway_id=gateway_id,
        full_ids=full_ids,
        expires_ms=_expires_ms(ask.given("expires"), ask.now),
    )


def _expires_ms(text: str, now: datetime) -> int | None:
    """Return the end of validity: the beginning of a day in UTC; None: it has no end."""
    if not text:
        return None
    try:
        end = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise UsageError("the end is not a date", hint="Example: 2027-01-31.") from None
    if end <= now:
        raise UsageError("the end is in the past", hint="Choose a later day.")
    return round(end.timestamp() * 1000)


def _page(
    ask: Ask,
    *,
    of_gateways: bool,
    secret: str = "",
    made: str = "",
    refusal: Refusal | None = None,
) -> Page:
    with ask.reading() as connection:
        found = tokens.newest(connection, _MOST + 1, of_gateways=of_gateways)
    model = TokensPage(
        rows=[_row(one, ask) for one in found[:_MOST]],
        has_more=len(found) > _MOST,
        of_gateways=of_gateways,
        scopes=SCOPES,
        values={name: "" if secret else ask.given(name) for name in _FIELDS},
        secret=secret,
        made=made,
        refusal=refusal,
    )
    return Page("tokens.html", model, status=refusal.status if refusal else 200)


def _row(one: tokens.Token, ask: Ask) -> TokenRow:
    is_valid = one.is_valid(now_ms())
    state = "active" if is_valid else "revoked" if one.revoked_ms else "expired"
    return TokenRow(
        number=one.number,
        scope=str(one.scope),
        gateway_id=ask.who.text(one.gateway_id or ""),
        full_ids=one.full_ids,
        state=ACCESS_STATES[state],
        used=moment(to_rfc3339(one.used_ms), ask.now),
        created=moment(to_rfc3339(one.created_ms), ask.now),
        expires=moment(to_rfc3339(one.expires_ms), ask.now),
        is_valid=is_valid,
    )
