"""From an answer to words, with the tables that ``explain`` uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modemagent.diagnosis.facts import Facts
from modemagent.explain import explain


class Words(NamedTuple):
    """One line of an answer in words.

    :param fields: name to value, as :func:`modemagent.explain.explain` gives them
    """

    line: str
    text: str
    remedy: str
    fields: Mapping[str, object]


def said(facts: Facts, command: str, prefix: str = "") -> Words | None:
    """Return the first line of an answer that can be said in words, None when there is none."""
    return next(said_all(facts, command, prefix), None)


def said_all(facts: Facts, command: str, prefix: str = "") -> Iterator[Words]:
    """Yield each line of a good answer that can be said in words.

    :param prefix: only lines that begin so
    """
    answer = facts.answers.get(command)
    if answer is None or not answer.ok:
        return
    for line in answer.lines:
        found = explain(command, line) if line.upper().startswith(prefix) else None
        if found is not None:
            fields = found.get("fields")
            yield Words(
                line,
                str(found["text"]),
                str(found.get("remedy", "")),
                fields if isinstance(fields, dict) else {},
            )


def is_told(facts: Facts, command: str) -> bool:
    """Tell whether the modem answered this line with OK."""
    answer = facts.answers.get(command)
    return answer is not None and answer.ok
