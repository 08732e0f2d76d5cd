"""Notes of people about a modem or SIM, which its timeline shows."""

from __future__ import annotations

from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.frame import Answer, Ask, SeeOther
from modemagent.registry.pages.page_errors import PageError, not_found
from modemagent.registry.store.database.refs import parse_ref
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.people import notes


def modem(ask: Ask) -> Answer:
    """Add a note about a modem."""
    return _add(ask, UnitKind.MODEM, "modem", "modems")


def sim(ask: Ask) -> Answer:
    """Add a note about a SIM."""
    return _add(ask, UnitKind.SIM, "sim", "sims")


def _add(ask: Ask, kind: UnitKind, word: str, folder: str) -> Answer:
    ref = ask.path["name"]
    with ask.reading() as connection:
        unit = find_unit(View(connection), kind, ref) if parse_ref(ref) else None
    if unit is None:
        raise not_found(word)
    text, actor = ask.given("text"), ask.who.actor
    made = attempt(
        lambda: ask.state.recorder.run(
            lambda batch: notes.add(batch, f"{word}:{ref}", text, actor)
        ),
        word,
    )
    if isinstance(made, Refusal):
        raise PageError(422, "Not added", made.problem, "Go back, and correct the note.")
    return SeeOther(f"/{folder}/{ref}#timeline")
