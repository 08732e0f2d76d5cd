"""The second factor of people: time-based codes (RFC 6238), and codes that replace one of them.

An authenticator app and the registry compute a code of six digits from a shared secret and the
time. A code is accepted once, and one step of 30 s early or late.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import time

from sqlalchemy import Connection, delete, insert, select, update

from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.people.sessions import add_session, digest, end_others
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.people_tables import person, recovery_code, session

_STEP_S = 30
_DIGITS = 6
_SECRET_BYTES = 20  # as RFC 4226 recommends for SHA-1
_RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
#: Time to enter the code after the password.
CODE_WITHIN_MS = 10 * 60_000
_SECRET = re.compile(r"[A-Z2-7]{32}")


def new_secret() -> str:
    """Return a secret in base32, as authenticator apps take it."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Return True if a text can be a secret."""
    return _SECRET.fullmatch(text) is not None


def code_at(secret: str, step: int) -> str:
    """Return the code of a step, which is the time since 1970 divided by 30 s.

    The example is the first of RFC 6238, with the last six of its eight digits.

    >>> code_at(base64.b32encode(b"12345678901234567890").decode(), 59 // 30)
    '287082'
    """
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def enable(database: Database, number: int, secret: str, code: str, here: str) -> list[str] | None:
    """Set the second factor of a person, and end the other sessions; None: the code is wrong.

    :param here: secret of the present session
    :return: codes that replace one of the second factor, each once
    """
    step = _matching_step(secret, _plain(code), 0)
    if step is None:
        return None
    with database.writing() as connection:
        of = update(person).where(person.c.number == number)
        connection.execute(of.values(totp=secret, totp_step=step))
        end_others(connection, number, here)
        acts.note(connection, "person.second_factor", is_set=True)
        return _new_codes(connection, number)


def disable(database: Database, number: int) -> None:
    """Remove the second factor of a person."""
    with database.writing() as connection:
        connection.execute(update(person).where(person.c.number == number).values(totp=None))
        connection.execute(delete(recovery_code).where(recovery_code.c.person == number))
        acts.note(connection, "person.second_factor", is_set=False)


def renew_codes(database: Database, number: int) -> list[str]:
    """Replace the recovery codes of a person."""
    with database.writing() as connection:
        acts.note(connection, "person.recovery_codes")
        return _new_codes(connection, number)


def codes_left(connection: Connection, number: int) -> int:
    """Return how many recovery codes a person has."""
    query = select(recovery_code.c.hash).where(recovery_code.c.person == number)
    return len(connection.execute(query).all())


def waiting(connection: Connection, secret: str) -> tuple[int, str] | None:
    """Return number and name of the person whose session waits for a code."""
    query = (
        select(person.c.number, person.c.name)
        .join_from(session, person, session.c.person == person.c.number)
        .where(
            session.c.hash == digest(secret),
            session.c.awaits_code,
            session.c.created_ms > now_ms() - CODE_WITHIN_MS,
            person.c.revoked_ms.is_(None),
        )
    )
    row = connection.execute(query).first()
    return None if row is None else (row.number, row.name)


def complete(database: Database, secret: str, code: str) -> str | None:
    """Turn a session that waits for a code into one that is valid; return its secret.

    None: the code is wrong, was used before, or the session waits no longer.
    """
    with database.writing() as connection:
        found = waiting(connection, secret)
        if found is None or not _is_right(connection, found[0], code, recovery=True):
            return None
        old = delete(session).where(session.c.hash == digest(secret)).returning(session.c.browser)
        browser = connection.execute(old).scalar_one()
        acts.note(connection, "session.open", by=f"person:{found[1]}")
        return add_session(connection, found[0], browser)


def is_right(database: Database, number: int, code: str) -> bool:
    """Check a code of an authenticator app, which is used up if it is right."""
    with database.writing() as connection:
        return _is_right(connection, number, code, recovery=False)


def _is_right(connection: Connection, number: int, code: str, *, recovery: bool) -> bool:
    c, plain = person.c, _plain(code)
    row = connection.execute(select(c.name, c.totp, c.totp_step).where(c.number == number)).one()
    if row.totp is None:
        return False
    step = _matching_step(row.totp, plain, row.totp_step)
    if step is not None:
        later = update(person).where(c.number == number, c.totp_step < step)
        return connection.execute(later.values(totp_step=step)).rowcount == 1
    of = recovery_code.c
    used = delete(recovery_code).where(of.person == number, of.hash == digest(plain))
    if not recovery or connection.execute(used).rowcount == 0:
        return False
    acts.note(connection, "person.recovery_code", by=f"person:{row.name}")
    return True


def _matching_step(secret: str, code: str, after: int) -> int | None:
    """Return the step of a code near the present time that is later than the last one."""
    now = int(time.time()) // _STEP_S
    for step in (now, now - 1, now + 1):
        if step > after and hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            return step
    return None


def _new_codes(connection: Connection, number: int) -> list[str]:
    connection.execute(delete(recovery_code).where(recovery_code.c.person == number))
    found = []
    for _ in range(_RECOVERY_CODES):
        plain = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()
        connection.execute(insert(recovery_code).values(hash=digest(plain), person=number))
        found.append("-".join(plain[at : at + 4] for at in range(0, len(plain), 4)).lower())
    return found


def _plain(code: str) -> str:
    """Return a code without separators.

    >>> _plain("123 456"), _plain("abcd-efgh")
    ('123456', 'ABCDEFGH')
    """
    return re.sub(r"[\s-]", "", code).upper()
