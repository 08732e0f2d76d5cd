"""Filters of the list of findings: what is shown, and what they leave out, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from modemagent.registry.pages.figures import count
from modemagent.registry.pages.words import WORDS
from modemagent.registry.store.findings import triage
from modemagent.registry.store.findings.finding_search import FindingFilter
from modemagent.registry.store.fleet.unit_filters import UnitFilter

ALL = "all"
STATES_SHOWN = (*triage.STATES, ALL)
#: Notes inform and need no decision, so they are shown on request.
SEVERITIES_SHOWN: dict[str, tuple[str, ...]] = {
    "": ("error", "warning"),
    "error": ("error",),
    "warning": ("warning",),
    "note": ("note",),
    "any": (),
}
_COUNTED = ("", "error", "warning")  # severities that wait for a decision


class Filters(NamedTuple):
    """The filters of the list, as the address or a form states them."""

    state: str
    severity: str
    rule: str
    site: str = ""
    model: str = ""
    firmware: str = ""
    tac: str = ""

    @property
    def wanted(self) -> FindingFilter:
        """Return the filters as the store takes them."""
        stated = UnitFilter(model=self.model, firmware=self.firmware, digits=self.tac)
        return FindingFilter(
            state=None if self.state == ALL else self.state,
            severities=SEVERITIES_SHOWN[self.severity],
            rule=self.rule or None,
            site=self.site or None,
            modem=stated if any(stated) else UnitFilter(),
        )

    def include(self, total: triage.RuleTotal) -> bool:
        """Return True if the undecided findings of a rule are in the list."""
        severities = ("", "any", total.severity)
        is_state = self.state in ("undecided", ALL)
        return is_state and self.severity in severities and self.rule in ("", total.type)

    def sentence(self, totals: Sequence[triage.RuleTotal] | None = None) -> str:
        """Return what is shown as words, with its number if it waits for a decision.

        :param totals: the undecided errors and warnings by rule; None: without a number
        """
        what = {"": "errors and warnings", "any": "findings"}.get(
            self.severity, f"{self.severity}s"
        )
        which = "All" if self.state == ALL else self.state.capitalize()
        is_counted = self.state == "undecided" and self.severity in _COUNTED
        if totals is not None and is_counted and self.wanted.is_simple:
            number = sum(one.count for one in totals if self.include(one))
            shown = count(number, triage.MOST_COUNTED)
            which = f"{shown[0].upper()}{shown[1:]} undecided"
            what = self.severity if number == 1 and self.severity else what
        of = f" of the rule {WORDS[self.rule].short}" if self.rule else ""
        parts = [template.format(one) for name, template in _PARTS if (one := getattr(self, name))]
        return ", ".join([f"{which} {what}{of}", *parts, "those found last first."])


_PARTS = (
    ("site", "at site {}"),
    ("model", "of modems of model {}"),
    ("firmware", "of modems with firmware {}"),
    ("tac", "of modems with an IMEI that begins with {}"),
)


def hidden_by(
    totals: Sequence[triage.RuleTotal], filters: Filters, inside: Mapping[str, int] | None = None
) -> str:
    """Return the undecided errors and warnings that the filters leave out, as text.

    :param inside: how many of a severity are in the list, if that was counted
    """
    found = []
    for severity in ("error", "warning"):
        mine = [one for one in totals if one.severity == severity]
        number = sum(one.count for one in mine if not filters.include(one))
        if inside is not None and filters.state in ("undecided", ALL):
            number = max(0, sum(one.count for one in mine) - inside.get(severity, 0))
        if number:
            plural = "" if number == 1 else "s"
            found.append(f"{count(number, triage.MOST_COUNTED)} undecided {severity}{plural}")
    verb = "is" if len(found) == 1 and found[0].startswith("1 ") else "are"
    return f"{' and '.join(found)} {verb} outside this view." if found else ""
