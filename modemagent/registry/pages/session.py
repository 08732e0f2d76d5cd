"""Sign-in with password and code, sign-out, and the link by which a person chooses a password."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from limits import parse
from starlette.concurrency import run_in_threadpool

from modemagent.registry.api.quotas import Rates
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther, is_loopback
from modemagent.registry.pages.page_errors import PageError
from modemagent.registry.pages.passwords import LONGEST, SHORTEST, Passwords
from modemagent.registry.store.people import invitations, people, second_factor, sessions
from modemagent.registry.store.people.people import Person

#: Attempts to sign in, right ones included.
_OF_NAME, _OF_ADDRESS = parse("20/15minutes"), parse("60/15minutes")
_OF_CODES = parse("10/15minutes")
_LONGEST_CODE = 64
#: Parts of the header User-Agent; the first that is found names browser and system.
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome",
             "Safari": "Safari"}  # fmt: skip
_SYSTEMS = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows",
            "Mac OS X": "macOS", "CrOS": "ChromeOS", "Linux": "Linux"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignInPage:
    """The form to sign in.

    :param has_people: False: the first account has not been created
    """

    name: str
    onward: str
    problem: str
    has_people: bool


@dataclass(frozen=True, slots=True)
class CodePage:
    """The form for a code of the second factor."""

    onward: str
    problem: str


@dataclass(frozen=True, slots=True)
class WelcomePage:
    """The form to choose a password; without a name it makes the first administrator."""

    name: str | None
    typed: str
    problem: str
    shortest: int = SHORTEST


def cookie_name(is_secure: bool) -> str:
    """Return the name of the cookie; browsers accept the prefix over TLS only."""
    return "__Host-registry" if is_secure else "registry"


def secret_of(ask_cookies: dict[str, str], is_secure: bool) -> str:
    """Return the secret of the session, empty if there is none."""
    return ask_cookies.get(cookie_name(is_secure), "")


class SignIn:
    """Handlers of the pages that need no session."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._names, self._addresses = Rates(_OF_NAME), Rates(_OF_ADDRESS)
        self._codes = Rates(_OF_CODES)

    def form(self, ask: Ask) -> Answer:
        """Show the form to sign in."""
        _check_channel(ask)
        return self._page(ask, "", "")

    async def sign_in(self, ask: Ask) -> Answer:
        """Open a session if name and password are right."""
        _check_channel(ask)
        name, password = ask.given("name").lower(), ask.form.text("password")
        wait_s = self._addresses.hit(ask.client) or self._names.hit(name[:64])
        if wait_s is not None:
            raise too_many(wait_s)
        found = await run_in_threadpool(_stored, ask, name)
        is_right = await self._passwords.is_right(password[:LONGEST], found[1] if found else None)
        if found is not None and is_right:
            new = await run_in_threadpool(
                sessions.open_session, ask.state.database, *found, browser_of(ask)
            )
            if new is not None:
                onward = local(ask.given("next"))
                if new.awaits_code:
                    onward = f"/sign-in/code?{urlencode({'next': onward})}"
                return await run_in_threadpool(_signed_in, ask, new.secret, onward)
        return await run_in_threadpool(self._page, ask, name, "Name or password is wrong.")

    def code_form(self, ask: Ask) -> Answer:
        """Show the form for the code of the second factor."""
        _check_channel(ask)
        with ask.reading() as connection:
            if second_factor.waiting(connection, _secret(ask)) is None:
                return SeeOther("/sign-in")
        return Page("code.html", CodePage(local(ask.query("next")), ""))

    def check_code(self, ask: Ask) -> Answer:
        """Open the session if the code is right."""
        _check_channel(ask)
        secret, onward = _secret(ask), local(ask.given("next"))
        with ask.reading() as connection:
            found = second_factor.waiting(connection, secret)
        if found is None:
            return SeeOther("/sign-in")
        wait_s = self._codes.hit(found[1])
        if wait_s is not None:
            raise too_many(wait_s)
        code = ask.given("code")[:_LONGEST_CODE]
        new = second_factor.complete(ask.state.database, secret, code)
        if new is None:
            problem = "The code is wrong, or was used before. Wait for the next one."
            return Page("code.html", CodePage(onward, problem), status=422)
        return _signed_in(ask, new, onward)

    def sign_out(self, ask: Ask) -> Answer:
        """End the session."""
        sessions.close_session(ask.state.database, _secret(ask))
        return SeeOther("/sign-in", (cookie_name(ask.is_secure), None))

    def welcome(self, ask: Ask) -> Answer:
        """Show the form to choose a password."""
        _check_channel(ask)
        return Page("welcome.html", _welcome(ask, ""))

    async def accept(self, ask: Ask) -> Answer:
        """Set the password, and open a session."""
        _check_channel(ask)
        wait_s = self._addresses.hit(ask.client)
        if wait_s is not None:
            raise too_many(wait_s)
        page = await run_in_threadpool(_welcome, ask, "")
        name, password = ask.given("name").lower(), ask.form.text("password")
        problem = _objection(page.name or name, password, ask.form.text("again"))
        if problem:
            page = await run_in_threadpool(_welcome, ask, problem)
            return Page("welcome.html", page, status=422)
        hashed = await self._passwords.hash(password)
        secret = await run_in_threadpool(
            invitations.accept,
            ask.state.database,
            ask.path["secret"],
            name,
            hashed,
            browser_of(ask),
        )
        if secret is None:
            raise _used_up()
        return await run_in_threadpool(_signed_in, ask, secret, "/")

    def _page(self, ask: Ask, name: str, problem: str) -> Page:
        with ask.reading() as connection:
            has_people = people.has_people(connection)
        onward = local(ask.given("next") or ask.query("next"))
        model = SignInPage(name, onward, problem, has_people)
        return Page("sign_in.html", model, status=422 if problem else 200)


def _secret(ask: Ask) -> str:
    return secret_of(ask.request.cookies, ask.is_secure)


def browser_of(ask: Ask) -> str:
    """Return browser and system as words, so that a person can tell sessions apart."""
    agent = ask.request.headers.get("user-agent", "")
    browser, system = (
        next((name for part, name in names.items() if part in agent), "")
        for names in (_BROWSERS, _SYSTEMS)
    )
    return " on ".join(filter(None, (browser, system)))


def local(url: str) -> str:
    """Return an address of this registry; anything else becomes the overview.

    >>> local("/findings?state=all"), local("//elsewhere.example"), local("https://a.example")
    ('/findings?state=all', '/', '/')
    """
    is_local = url.startswith("/") and not url.startswith(("//", "/\\"))
    return url if is_local and url.isascii() and url.isprintable() else "/"


def _stored(ask: Ask, name: str) -> tuple[int, str] | None:
    with ask.reading() as connection:
        return people.password_hash(connection, name)


def _welcome(ask: Ask, problem: str) -> WelcomePage:
    with ask.reading() as connection:
        who = invitations.invited(connection, ask.path["secret"])
    if who is None:
        raise _used_up()
    return WelcomePage(who.name if isinstance(who, Person) else None, ask.given("name"), problem)


def _objection(name: str, password: str, again: str) -> str:
    """Return what is wrong with a new password or name, empty if nothing is."""
    if not people.is_name(name):
        return "A name has 1 to 64 of the characters a-z, 0-9 and . _ @ + -."
    if not SHORTEST <= len(password) <= LONGEST:
        return f"A password has at least {SHORTEST} characters; several words are a good one."
    if name in password.lower():
        return "The password must not contain the name."
    return "" if password == again else "The two passwords differ."


def _signed_in(ask: Ask, secret: str, onward: str) -> SeeOther:
    old = _secret(ask)
    if old:
        sessions.close_session(ask.state.database, old)
    return SeeOther(onward, (cookie_name(ask.is_secure), secret))


def _check_channel(ask: Ask) -> None:
    """Refuse passwords over a network without TLS."""
    if not ask.is_secure and not is_loopback(ask.request):
        raise PageError(
            403,
            "Not encrypted",
            "A password must not be sent over a network without encryption.",
            "Start the registry with --tls-cert, or behind a reverse proxy with TLS and "
            "--public-url https://HOST.",
        )


def too_many(wait_s: int) -> PageError:
    """Return the error of too many attempts to prove who one is."""
    return PageError(
        429,
        "Too many attempts",
        f"The next attempt is possible in {-(-wait_s // 60)} min.",
        "A forgotten password is replaced with modemagent registry person create.",
    )


def _used_up() -> PageError:
    return PageError(
        410,
        "This link is no longer valid",
        "A link is valid once and for a limited time.",
        "Ask an administrator for another one: modemagent registry person create NAME. Before "
        "there is an account, restart the registry.",
    )
