"""Signing in, and every way in which a session or a form must be refused."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
from argon2 import PasswordHasher
from sqlalchemy import update
from starlette.datastructures import State
from starlette.requests import Request

from modemagent.registry.pages.forms import Form
from modemagent.registry.pages.frame import Ask, Page
from modemagent.registry.pages.page_errors import PageError
from modemagent.registry.pages.passwords import Passwords
from modemagent.registry.pages.proof import VALID_MS
from modemagent.registry.pages.routes import ROUTES
from modemagent.registry.pages.session import SignIn
from modemagent.registry.pages.site import Pages
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.findings import triage
from modemagent.registry.store.people import invitations, people, second_factor, sessions
from modemagent.registry.store.people.people import PersonRole
from modemagent.registry.store.people.second_factor import code_at
from modemagent.registry.store.people.sessions import IDLE_MS, LONGEST_MS
from modemagent.registry.store.tables.people_tables import invitation, session
from tests.conftest import call_in_process
from tests.registry.conftest import Registry
from tests.registry.pages.conftest import PASSWORD, Browser, Story

CHOSEN = {"name": "ann", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Registry, str]]:
    """A registry without people, and the path of the link that it has printed."""
    registry = Registry(tmp_path / "state")
    registry.start()
    found = re.fullmatch(r"http://127\.0\.0\.1:\d+(/welcome/\S{43})", registry.first_link)
    assert found
    yield registry, found[1]
    registry.stop()


def cookie_of(answer: object) -> str:
    found = re.match(r"registry=([^;]*);", answer.headers["Set-Cookie"])  # type: ignore[attr-defined]
    assert found
    return found[1]


def test_first_link_makes_the_administrator_once(fresh: tuple[Registry, str]) -> None:
    registry, link = fresh
    browser = Browser(registry.port)
    assert "There is no account yet" in browser.get("/sign-in").text
    for wrong in ({"password": "short"}, {"again": "other"}, {"name": "A B"}):
        assert browser.post(link, CHOSEN | wrong).status == 422
    answer = browser.post(link, CHOSEN)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    attributes = answer.headers["Set-Cookie"]
    assert "HttpOnly" in attributes
    assert "SameSite=lax" in attributes
    browser.cookie = cookie_of(answer)
    assert browser.get("/").status == 200
    assert browser.post(link, CHOSEN | {"name": "eve"}).status == 410
    assert Browser(registry.port).get(link).status == 410

    stranger = Browser(registry.port)
    assert stranger.post("/sign-in", {"name": "ann", "password": "wrong"}).status == 422
    assert stranger.post("/sign-in", {"name": "eve", "password": PASSWORD}).status == 422
    back = stranger.post(
        "/sign-in", {"name": "Ann", "password": PASSWORD, "next": "/findings?state=all"}
    )
    assert (back.status, back.headers["Location"]) == (303, "/findings?state=all")
    away = stranger.post(
        "/sign-in", {"name": "ann", "password": PASSWORD, "next": "//elsewhere.example/"}
    )
    assert away.headers["Location"] == "/"


def test_link_is_not_printed_if_there_are_people(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/registry.db")
    assert invitations.invite_first(database) is not None
    invitations.create_person(database, "ann", PersonRole.ADMIN)
    assert invitations.invite_first(database) is None
    database.close()


def test_accounts_and_counts_work_on_both_engines(database_url: str) -> None:
    database = Database(database_url)
    link = invitations.create_person(database, "ann", PersonRole.OPERATOR)
    secret = invitations.accept(database, link, "", "hash")
    assert invitations.accept(database, link, "", "other") is None
    with database.reading() as connection:
        found = sessions.person_of(connection, secret or "")
        assert found is not None
        assert (found[0].name, found[0].role, found[0].full_ids) == ("ann", "operator", False)
        assert people.password_hash(connection, "ann") == (found[0].number, "hash")
        assert triage.waiting(connection, "error") == triage.Waiting(0, None)
        assert triage.newest(connection, limit=5, severities=["error", "note"]) == ([], False)
        assert triage.newest(connection, limit=5, state="acknowledged", after=1) == ([], False)
        assert triage.clusters(connection) == []
    people.set_preferences(database, found[0].number, keys=False, theme="dark", zone="")
    number = found[0].number
    assert sessions.open_session(database, number, "changed meanwhile") is None
    factor = second_factor.new_secret()
    code = code_at(factor, int(time.time()) // 30)
    assert len(second_factor.enable(database, number, factor, code, secret or "") or []) == 10
    waits = sessions.open_session(database, number, "hash")
    assert waits is not None
    assert waits.awaits_code
    assert second_factor.complete(database, waits.secret, code) is None  # it was used
    second_factor.disable(database, number)
    sessions.close_session(database, secret or "")
    with database.reading() as connection:
        assert sessions.person_of(connection, secret or "") is None
        (person,) = people.all_people(connection)
    assert (person.keys, person.theme) == (False, "dark")
    database.close()


def test_commands_create_list_and_revoke(fresh: tuple[Registry, str]) -> None:
    registry, _ = fresh

    def person(*words: str) -> str:
        done = call_in_process("registry", "person", *words, *registry.where)
        assert done.returncode == 0, done.stderr
        return done.stdout

    url = person("create", "ben", "--role", "operator", "--public-url", "https://r.example")
    link = url.strip().removeprefix("https://r.example")
    answer = Browser(registry.port).post(link, {"password": PASSWORD, "again": PASSWORD})
    browser = Browser(registry.port, cookie_of(answer))
    assert browser.get("/me").status == 200
    assert "ben" in person("list")
    assert "active" in person("list")
    person("revoke", "ben")
    assert browser.get("/me").status == 303
    assert "revoked" in person("list")
    refused = Browser(registry.port).post("/sign-in", {"name": "ben", "password": PASSWORD})
    assert refused.status == 422
    assert call_in_process("registry", "person", "revoke", "eve", *registry.where).returncode == 2


def test_session_that_was_not_given_is_not_taken(story: Story) -> None:
    for cookie in ("A" * 43, "", "x", "' OR 1=1"):
        browser = Browser(story.registry.port, cookie)
        answer = browser.get("/findings?state=all")
        assert answer.status == 303
        assert answer.headers["Location"] == "/sign-in?next=%2Ffindings%3Fstate%3Dall"
        assert answer.headers["Set-Cookie"] is None


def test_session_ends_at_sign_out(story: Story) -> None:
    browser = story.person("leaver", PersonRole.VIEWER)
    answer = browser.post("/sign-out")
    assert answer.headers["Location"] == "/sign-in"
    assert browser.get("/").status == 303  # the same cookie again


@pytest.mark.parametrize(
    ("column", "age_ms"), [(session.c.used_ms, IDLE_MS), (session.c.created_ms, LONGEST_MS)]
)
def test_session_expires(story: Story, column: object, age_ms: int) -> None:
    browser = story.person(f"expired-{age_ms}", PersonRole.VIEWER)
    assert browser.get("/").status == 200
    with story.database.writing() as connection:
        hashed = sessions.digest(browser.cookie or "")
        of = update(session).where(session.c.hash == hashed)
        connection.execute(of.values({column: now_ms() - age_ms}))
    assert browser.get("/").status == 303


def test_other_sessions_can_be_ended(story: Story) -> None:
    browser = story.person("several", PersonRole.VIEWER)
    with story.database.reading() as connection:
        person, _ = sessions.person_of(connection, browser.cookie or "") or (None, None)
    assert person is not None
    with story.database.writing() as connection:
        other = Browser(story.registry.port, sessions.add_session(connection, person.number, ""))
    assert other.get("/me").status == 200
    assert browser.post("/me/end-others").status == 303
    assert other.get("/me").status == 303
    assert browser.get("/me").status == 200


def test_change_of_role_ends_sessions(story: Story) -> None:
    browser = story.person("riser", PersonRole.VIEWER)
    invitations.create_person(story.database, "riser", PersonRole.ADMIN)
    assert browser.get("/").status == 303


def test_link_expires(story: Story) -> None:
    secret = invitations.create_person(story.database, "slow", PersonRole.VIEWER)
    with story.database.writing() as connection:
        connection.execute(update(invitation).values(expires_ms=now_ms()))
    assert story.browser().get(f"/welcome/{secret}").status == 410


def unsafe_routes() -> list[str]:
    site = Pages(lambda *_: None, State(), None, Passwords())  # type: ignore[arg-type,return-value]
    return sorted(
        re.sub(r"\{[^}]+\}", "x", route.path)  # type: ignore[attr-defined]
        for route in site._router.routes
        if "POST" in route.methods  # type: ignore[attr-defined]
    )


def test_form_of_another_site_is_refused(story: Story) -> None:
    browser = story.person("attacked", PersonRole.ADMIN)
    for path in unsafe_routes():
        answer = browser.send("POST", path, {"id": "1"}, {"Sec-Fetch-Site": "cross-site"})
        assert (answer.status, path) == (403, path)
        assert "sent from another site" in answer.text
    own = f"http://127.0.0.1:{story.registry.port}"
    refused: tuple[dict[str, str], ...] = (
        {},
        {"Sec-Fetch-Site": "same-site", "Origin": own},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": f"{own}1"},
    )
    for headers in refused:
        assert browser.send("POST", "/lookup", {"id": "1"}, headers).status == 403, headers
    assert browser.send("POST", "/lookup", {"id": "1"}, {"Origin": own}).status == 200


def test_acts_need_the_role_operator(story: Story) -> None:
    browser = story.person("looker", PersonRole.VIEWER, full_ids=True)
    guarded = [one for one in ROUTES if one.right]
    assert len(guarded) > 20
    for one in guarded:
        path = re.sub(r"\{[^}]+\}", "x", one.path)
        answer = browser.post(path) if one.method == "POST" else browser.get(path)
        assert (answer.status, one.path) == (403, one.path)
        assert one.right in answer.text


async def test_too_many_attempts_are_refused(story: Story) -> None:
    sign_in = SignIn(Passwords(PasswordHasher(time_cost=1, memory_cost=64)))  # costs no second
    scope = {"type": "http", "method": "POST", "path": "/sign-in", "query_string": b"",
             "headers": [], "client": ("127.0.0.1", 1)}  # fmt: skip
    ask = Ask(
        state=State({"database": story.database}),
        request=Request(scope),
        viewer=None,
        form=Form({"name": ["guess"], "password": ["x"]}),
        is_secure=False,
        client="127.0.0.1",
    )
    for _ in range(20):
        page = await sign_in.sign_in(ask)
        assert isinstance(page, Page)
        assert page.status == 422
    with pytest.raises(PageError, match="Too many attempts"):
        await sign_in.sign_in(ask)


def test_large_form_is_refused(story: Story) -> None:
    assert story.browser().post("/sign-in", {"name": "x" * 70_000}).status == 413


def signed_in(story: Story, name: str, password: str = PASSWORD, agent: str = "") -> Browser:
    """Return the client of a person who has entered the password."""
    browser = story.browser()
    form = {"name": name, "password": password, "next": "/me"}
    answer = browser.post("/sign-in", form, User_Agent=agent)
    browser.cookie, browser.seen = cookie_of(answer), [answer.headers["Location"]]
    return browser


def check_code(page: str, text: str) -> None:
    """Check that the dark modules of the code in a page are those of a text."""
    path = re.search(r'<path fill="#000" d="([^"]+)"', page)
    assert path
    runs = [tuple(map(int, one)) for one in re.findall(r"M(\d+) (\d+)h(\d+)", path[1])]
    dark = {(x + at, y) for x, y, width in runs for at in range(width)}
    rows = segno.make(text, error="m", micro=False).matrix_iter(border=4)
    assert dark == {(x, y) for y, row in enumerate(rows) for x, one in enumerate(row) if one}


def test_second_factor_is_set_used_and_removed(story: Story) -> None:
    browser = story.person("dora", PersonRole.VIEWER)
    page = browser.post("/me/second-factor")
    secret = page.field("secret")
    link = re.search(r'href="(otpauth:[^"]+)"', page.text)
    assert link
    check_code(page.text, link[1].replace("&amp;", "&"))
    form = {"secret": secret, "code": "000000"}
    assert browser.post("/me/enable-factor", form).status == 422
    assert browser.post("/me/enable-factor", {**form, "secret": "short"}).status == 422
    step = int(time.time()) // 30
    enabled = browser.post("/me/enable-factor", {**form, "code": code_at(secret, step)})
    recovery = re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", enabled.text)
    assert len(recovery) == 10
    assert "10 recovery codes are left" in browser.get("/me").text

    other = signed_in(story, "dora")
    assert other.seen == ["/sign-in/code?next=%2Fme"]
    assert other.get("/me").headers["Location"].startswith("/sign-in")  # not signed in yet
    assert "Enter the six digits" in other.get(other.seen[0]).text
    used = code_at(secret, step)
    for wrong in ("", "000000", used, "abcd-abcd-abcd-abcd"):
        assert other.post("/sign-in/code", {"code": wrong}).status == 422, wrong
    before = other.cookie
    answer = other.post("/sign-in/code", {"code": code_at(secret, step + 1), "next": "/me"})
    assert answer.headers["Location"] == "/me"
    other.cookie = cookie_of(answer)
    assert other.cookie != before
    assert other.get("/me").status == 200
    assert Browser(story.registry.port, before).get("/me").status == 303
    third = signed_in(story, "dora")
    for status in (303, 303):  # a recovery code once; then the session does not wait any more
        assert third.post("/sign-in/code", {"code": recovery[0].upper()}).status == status
    again = signed_in(story, "dora")
    assert again.post("/sign-in/code", {"code": recovery[0]}).status == 422
    assert other.post("/me/remove-factor").status == 303
    assert signed_in(story, "dora").get("/me").status == 200


def test_dangerous_act_needs_a_recent_proof(story: Story) -> None:
    browser = story.person("careful", PersonRole.OPERATOR)
    made = browser.post("/cases/new", {"kind": "lost", "numbers": "867698040000070", "text": "x"})
    path = made.headers["Location"]
    with story.database.writing() as connection:
        of = session.c.person == people.password_hash(connection, "careful")[0]  # type: ignore[index]
        connection.execute(update(session).where(of).values(proved_ms=now_ms() - VALID_MS - 1))
    for act in ("rechecks/R1/confirm", "rechecks/R1/undo", "assets/A1/delete"):
        assert "Confirm that it is you" in browser.post(f"/{act}").text
    form = {"revision": browser.get(path).field("revision"), "outcome": "recovered", "text": "=1"}
    asked = browser.post(f"{path}/close", form)
    assert "Confirm that it is you" in asked.text
    assert asked.field("text") == "=1"
    assert browser.post(f"{path}/close", {**form, "proof": "wrong"}).status == 422
    assert "recovered" not in browser.get("/cases").text
    assert browser.post(f"{path}/close", {**form, "proof": PASSWORD}).status == 303
    assert "Confirm" not in browser.post("/me/second-factor").text


def test_one_session_is_ended(story: Story) -> None:
    browser = story.person("traveller", PersonRole.VIEWER)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    other = signed_in(story, "traveller", agent=agent)
    page = browser.get("/me").text
    assert "Firefox on Linux" in page
    (name,) = re.findall(r"/me/sessions/([0-9a-f]{16})", page)
    stranger = story.person("stranger", PersonRole.VIEWER)
    stranger.post(f"/me/sessions/{name}")
    assert other.get("/me").status == 200
    assert browser.post(f"/me/sessions/{name}").status == 303
    assert other.get("/me").status == 303
