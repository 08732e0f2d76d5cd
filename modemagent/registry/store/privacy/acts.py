"""The acts that the audit records, written in the transaction that makes each of them.

A row of an act is written without a position, so acts do not wait for each other; :mod:`.audit`
chains the rows afterwards. Acts name objects by their ids and references, never by a number.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, insert, select

from modemagent.registry.store.database.refs import GATEWAY, format_ref, ref_of
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.privacy_tables import audit

#: Actor of what no person and no token has caused.
REGISTRY = "registry"
T = TypeVar("T")


class Acting(NamedTuple):
    """Who makes the present acts.

    :param actor: ``token:N``, ``person:NAME``, ``user:NAME``, or :data:`REGISTRY`
    :param seen: gets the actor and a document that is shown to it in full
    """

    actor: str = REGISTRY
    seen: Callable[[str, object], None] | None = None


_BACKGROUND = Acting()
_ACTING: ContextVar[Acting] = ContextVar("modemagent_acting", default=_BACKGROUND)


def act_as(acting: Acting) -> None:
    """Let the acts of this request be those of an actor."""
    _ACTING.set(acting)


@contextmanager
def acting_as_user() -> Iterator[None]:
    """Let the acts of a block be those of the user of this process."""
    before = _ACTING.set(Acting(f"user:{getpass.getuser()}"))
    try:
        yield
    finally:
        _ACTING.reset(before)


def show_in_full(document: T) -> T:
    """Return a document that the present actor gets with its numbers, which is a look at them."""
    actor, seen = _ACTING.get()
    if seen is not None:
        seen(actor, document)
    return document


def note(
    connection: Connection, kind: str, about: object = "", by: str | None = None, **detail: Any
) -> None:
    """Record an act in the transaction of a connection.

    :param kind: what was done, such as ``case.open``
    :param about: id or reference of the object
    :param by: actor, if it is not the present one
    :param detail: further facts, none of which may be a number of a modem or SIM
    """
    connection.execute(
        insert(audit).values(
            made_ms=time.time_ns() // 1_000_000,
            actor=by or _ACTING.get().actor,
            kind=kind,
            object=str(about),
            detail=msgspec.json.encode(detail, order="sorted").decode() if detail else "",
        )
    )


def gateway_ref(connection: Connection, gateway_id: str) -> str:
    """Return the reference of a gateway, whose id may be a number."""
    query = select(schema.setting.c.value).where(schema.setting.c.name == "secret")
    secret = bytes(connection.execute(query).scalar_one())
    return format_ref(ref_of(secret, GATEWAY, gateway_id))
