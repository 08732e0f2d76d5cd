"""Proof of the password or of a code before acts that cannot be undone."""

from __future__ import annotations

from dataclasses import dataclass

from limits import parse
from starlette.concurrency import run_in_threadpool

from modemagent.registry.api.quotas import Rates
from modemagent.registry.pages.frame import Ask, Page
from modemagent.registry.pages.passwords import LONGEST, Passwords
from modemagent.registry.pages.session import secret_of, too_many
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.people import people, second_factor, sessions

#: Time for which a proof is sufficient; signing in is one.
VALID_MS = 10 * 60_000
_ATTEMPTS = parse("10/15minutes")
_FIELD = "proof"


@dataclass(frozen=True, slots=True)
class ProofPage:
    """The form for a proof, with the fields of the act.

    :param act: what follows, as words
    :param back: address of the page on which the act was chosen
    """

    act: str
    url: str
    back: str
    fields: list[tuple[str, str]]
    has_second_factor: bool
    problem: str


class Proof:
    """Requires a proof from people whose last one is not recent."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._rates = Rates(_ATTEMPTS)

    async def question(self, ask: Ask, act: str) -> Page | None:
        """Return the form for a proof; None: the last one is recent, or it was given now."""
        secret = secret_of(ask.request.cookies, ask.is_secure)
        given = ask.form.text(_FIELD)[:LONGEST]
        if not given:
            is_due = await run_in_threadpool(_is_due, ask, secret)
            return _form(ask, act, "") if is_due else None
        wait_s = self._rates.hit(ask.who.person.name)
        if wait_s is not None:
            raise too_many(wait_s)
        if not await self._is_right(ask, given):
            return _form(ask, act, "This is wrong, or the code was used before.")
        await run_in_threadpool(sessions.note_proof, ask.state.database, secret)
        return None

    async def _is_right(self, ask: Ask, given: str) -> bool:
        person = ask.who.person
        if person.has_second_factor and await run_in_threadpool(
            second_factor.is_right, ask.state.database, person.number, given
        ):
            return True
        found = await run_in_threadpool(_stored, ask)
        return await self._passwords.is_right(given, found)


def _is_due(ask: Ask, secret: str) -> bool:
    with ask.reading() as connection:
        return sessions.proved_ms(connection, secret) < now_ms() - VALID_MS


def _stored(ask: Ask) -> str | None:
    with ask.reading() as connection:
        found = people.password_hash(connection, ask.who.person.name)
    return found[1] if found else None


def _form(ask: Ask, act: str, problem: str) -> Page:
    path = ask.request.url.path
    fields = [
        (name, value)
        for name, values in ask.form.fields.items()
        if name != _FIELD
        for value in values
    ]
    parts = path.split("/")
    back = "/".join(parts[:3] if parts[1] == "admin" else parts[:-1])
    has_code = ask.who.person.has_second_factor
    model = ProofPage(act, path, back, fields, has_code, problem)
    return Page("proof.html", model, status=422 if problem else 200)
