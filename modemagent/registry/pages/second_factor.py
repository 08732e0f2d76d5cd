"""The second factor of the person who is signed in: set, remove, and recovery codes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.page_errors import PageError
from modemagent.registry.pages.qr_path import QrPath, qr_path
from modemagent.registry.pages.session import secret_of
from modemagent.registry.store.people import second_factor as store

_ISSUER = "modemagent registry"


@dataclass(frozen=True, slots=True)
class NewFactorPage:
    """The secret for an authenticator app, and the form for its first code.

    :param link: opens an app on the same device
    :param code: the link for an app on another one
    """

    secret: str
    groups: list[str]
    link: str
    code: QrPath
    problem: str


@dataclass(frozen=True, slots=True)
class RecoveryCodesPage:
    """Codes that are shown once."""

    codes: list[str]


def begin(ask: Ask) -> Answer:
    """Show a new secret."""
    return _page(ask, store.new_secret())


def enable(ask: Ask) -> Answer:
    """Set the second factor if the app shows the right code."""
    secret = ask.given("secret")
    if not store.is_secret(secret):
        raise PageError(422, "Not set", "The secret is not one of this registry.", "Begin again.")
    here = secret_of(ask.request.cookies, ask.is_secure)
    number, code = ask.who.person.number, ask.given("code")[:64]
    codes = store.enable(ask.state.database, number, secret, code, here)
    if codes is None:
        return _page(ask, secret, "The code is wrong. Check the clock of the device.")
    return Page("recovery_codes.html", RecoveryCodesPage(codes))


def remove(ask: Ask) -> Answer:
    """Remove the second factor."""
    store.disable(ask.state.database, ask.who.person.number)
    return SeeOther("/me")


def renew_codes(ask: Ask) -> Answer:
    """Replace the recovery codes, and show the new ones."""
    if not ask.who.person.has_second_factor:
        return SeeOther("/me")
    codes = store.renew_codes(ask.state.database, ask.who.person.number)
    return Page("recovery_codes.html", RecoveryCodesPage(codes))


def _page(ask: Ask, secret: str, problem: str = "") -> Page:
    label = quote(f"{_ISSUER}:{ask.who.person.name}")
    link = f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': _ISSUER})}"
    groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
    model = NewFactorPage(secret, groups, link, qr_path(link), problem)
    return Page("second_factor.html", model, status=422 if problem else 200)
