"""Decoded response lines, by the tables of ``explain``; else what ModemManager reports."""

from __future__ import annotations

from collections.abc import Iterator

from modemagent.diagnosis.facts import Decoded, Facts
from modemagent.explain import explain


def decoded(facts: Facts, command: str, prefix: str = "") -> Decoded | None:
    """Return the first line of :func:`all_decoded`, or None."""
    return next(all_decoded(facts, command, prefix), None)


def all_decoded(facts: Facts, command: str, prefix: str = "") -> Iterator[Decoded]:
    """Yield each line of a successful response that can be decoded.

    :param prefix: leave out lines that start with anything else
    """
    if facts.managed is not None:
        yield from facts.managed.get(command, ())
        return
    if not is_answered(facts, command):
        return
    for line in facts.responses[command].lines:
        found = explain(command, line) if line.upper().startswith(prefix) else None
        if found is not None:
            fields = found.get("fields")
            yield Decoded(
                line,
                str(found["text"]),
                str(found.get("remedy", "")),
                fields if isinstance(fields, dict) else {},
            )


def is_answered(facts: Facts, command: str) -> bool:
    """Return True if the modem answered this command with OK, or ModemManager reports the same."""
    if facts.managed is not None:
        return command in facts.managed
    return command in facts.responses and facts.responses[command].ok


def error_code(facts: Facts, command: str) -> int | None:
    """Return the number of the CME error that a command ended with, or None."""
    response = facts.responses.get(command)
    final = response.final if response is not None else None
    return final.code if final is not None and final.kind == "cme" else None
