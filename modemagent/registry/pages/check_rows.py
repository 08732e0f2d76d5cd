"""Results of a check as rows of a page: what needs attention, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from modemagent.identity.damage import DAMAGES, repair
from modemagent.identity.problems import CODES
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.pages.words import CHECKS, Word, word

_IMEI_DIGITS = 14
_TONES = ("bad", "warn")  # those that need attention


class Issue(NamedTuple):
    """What a number needs attention for.

    :param code: a key of :data:`.CHECKS`
    :param note: what exactly
    """

    code: str
    note: str = ""

    @property
    def word(self) -> Word:
        """Return the code in plain language."""
        return CHECKS[self.code]


class Expected(NamedTuple):
    """What a box should contain.

    :param model: without case and punctuation, as it is compared
    :param numbers: of the order, IMEIs with 14 digits; None: the order has none, or none is chosen
    """

    model: str = ""
    numbers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """A number of the check.

    :param issues: what it needs attention for, the worst first; none: it is fine
    :param about: maker and model by its TAC
    :param known: its modem or SIM, if it was reported
    """

    position: int
    typed: str
    kind: str
    number: str
    issues: list[Issue]
    about: str
    known: Link | None
    where: Link | None
    seen: ShownTime | None

    @property
    def is_fine(self) -> bool:
        """Return True if the number needs no attention."""
        return not needs_attention(self.issues)


def needs_attention(issues: Iterable[Issue]) -> bool:
    """Return True if one of the issues is more than a note."""
    return any(one.word.tone in _TONES for one in issues)


def bare(model: str) -> str:
    """Return a model as it is compared.

    >>> bare("EG25-G") in bare("Quectel EG25 G")
    True
    """
    return "".join(filter(str.isalnum, model.casefold()))


def key_of_number(kind: str, number: str) -> str:
    """Return a number as it is compared with those of an order: the check digit does not count."""
    return number[:_IMEI_DIGITS] if kind in ("imei", "imeisv") else number


def issues_of(result: Mapping[str, Any], expected: Expected, viewer: Viewer) -> list[Issue]:
    """Return what a number needs attention for, the worst first."""
    found: list[Issue] = []
    fixed = repair(
        "imei" if result["kind"] != "iccid" else "iccid", result["input"].strip(), rounded=False
    )
    if fixed.is_lost:
        found.append(Issue("damaged", DAMAGES[fixed.code][0]))
    elif not result["valid"]:
        codes = [word(code).short for code in result["codes"]]
        found.append(Issue("invalid", ", ".join(codes)))
    if result["repeats"] is not None:
        found.append(Issue("twice", f"as number {result['repeats']}"))
    if result["status"] in ("prohibited", "tracked"):
        (hit, *_) = result["hits"]
        texts = filter(None, (hit["reason"], hit["source"]))
        found.append(Issue(result["status"], viewer.text(", ".join(texts))))
    if result["individuals"] > 1:
        found.append(Issue("machines", f"{result['individuals']} report it"))
    model = result["model"]
    if expected.model and result["valid"] and result["kind"] in ("imei", "imeisv"):
        if model is None:
            found.append(Issue("model_unknown"))
        elif expected.model not in bare(f"{model['manufacturer']} {model['model']}"):
            found.append(Issue("other_model", f"{model['manufacturer']} {model['model']}"))
    number = result["normalized"]
    if expected.numbers is not None and number and (
        key_of_number(result["kind"], number) not in expected.numbers
    ):  # fmt: skip
        found.append(Issue("not_ordered"))
    if result["valid"]:
        odd = [word(code).short for code in result["codes"] if CODES[code][0] == "warning"]
        found += [Issue("unusual", ", ".join(odd))] if odd else []
    return sorted(found, key=lambda one: one.word.tone != "bad")


def check_row(
    result: Mapping[str, Any],
    expected: Expected,
    links: Links,
    viewer: Viewer,
    now: datetime,
    *,
    is_own: bool,
) -> CheckRow:
    """Return the row of a result.

    :param is_own: the viewer has typed the number, and sees it in full
    """
    number, model, place = result["normalized"] or "", result["model"], result["last_place"]
    known = None
    if result["known"]:
        folder = "sims" if result["kind"] in ("iccid", "imsi", "eid") else "modems"
        known = Link("reported here", f"/{folder}/{result['ref']}")
    show = (lambda text: text) if is_own else viewer.digits
    return CheckRow(
        position=result["position"],
        typed=show(result["input"]),
        kind=result["kind"].upper(),
        number=show(number) if number else "",
        issues=issues_of(result, expected, viewer),
        about=viewer.text(f"{model['manufacturer']} {model['model']}") if model else "",
        known=known,
        where=links.gateway(place["gateway_id"]) if place and place["present"] else None,
        seen=moment(place["last_seen"], now) if place else None,
    )


def change_text(changes: Mapping[str, Any], viewer: Viewer) -> str:
    """Return what differs from the previous check, as words.

    >>> from types import SimpleNamespace
    >>> anybody = SimpleNamespace(text=str)
    >>> change_text({"status": [None, "prohibited"], "individuals": [0, 1]}, anybody)
    'list: none, now prohibited; machines: 0, now 1'
    """
    if "replaced" in changes:
        return "replaces another number"
    found = []
    for name, (before, after) in changes.items():
        if name == "hits":
            continue
        found.append(f"{_CHANGED[name]}: {_value(before)}, now {_value(after)}")
    if not found:
        found = ["another entry of a list covers it"]
    return viewer.text("; ".join(found))


_CHANGED = {
    "valid": "valid", "codes": "problems", "status": "list", "model": "model", "known": "reported",
    "individuals": "machines", "place": "place",
}  # fmt: skip


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
