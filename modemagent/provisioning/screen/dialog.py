"""What an act needs before it is sent: a bay, a reason, a confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from modemagent.provisioning.acts import REWORKS
from modemagent.provisioning.events import PersonActed
from modemagent.provisioning.line import LineView
from modemagent.provisioning.scans.shapes import parse_scan
from modemagent.provisioning.screen.page import PromptLine

HELP: Final = (
    "A scan may come at any time: the code of a bay, then the label of the",
    "module in it; or the label, then its module is plugged in.",
    "",
    "F1  this page              F6  lots, failed steps; again: decide",
    "F2  state of the station   F7  hold a bay, or release it",
    "F3  print a label again    F8  sound on or off",
    "F4  waive a failed step    F9  small tiles and more text",
    "F5  test a unit again      F10 sign in as lead or engineer",
    "^Q  end of the shift       ^L  draw the page again",
    "",
    "A key that needs a bay requests it: scan its code, or type its number",
    "and Enter. Esc leaves.",
)


class Question(NamedTuple):
    """A value that an act needs: name of the field, and the text before the scan.

    :param is_hidden: what is typed is not shown
    """

    field: str
    text: str
    is_optional: bool = False
    is_hidden: bool = False


_REASONS: Final = ", ".join(REWORKS)
_BAY: Final = "bay (scan or type it):"
_ACTS: Final = {
    "F3": ("reprint", (Question("bay", f"Reprint: {_BAY}"),)),
    "F4": ("waive", (Question("bay", f"Waive: {_BAY}"), Question("reason", "Reason:"))),
    "F5": ("retest", (Question("bay", f"Retest: {_BAY}"),
                      Question("reason", f"Enter, or a reason: {_REASONS}:", is_optional=True))),
    "F6": ("lot", (Question("lot", "Type stop or go, and the lot if there are several:"),
                   Question("reason", "Reason:"))),
    "F7": ("hold", (Question("bay", f"Hold or release: {_BAY}"),)),
    "F10": ("sign_in", (Question("person", "Sign in: badge or name:"),
                        Question("pin", "PIN:", is_hidden=True))),
    "ctrl-q": ("end", (Question("confirm", "End of the shift? Type yes:"),)),
}  # fmt: skip


#: Keys of decisions that may need a second person, and the questions about that person.
_DECISIONS: Final = ("F4", "F5", "F6")
_SECOND: Final = (
    Question("second", "Second person, badge or name; Enter if none is needed:", is_optional=True),
    Question("second_pin", "PIN of the second person; Enter without one:", is_optional=True,
             is_hidden=True),
)  # fmt: skip


class Dialog:
    """The questions of one act.

    >>> dialog = Dialog.of("F3")
    >>> dialog.answer("MA-BAY-07", None)  # doctest: +ELLIPSIS
    PersonActed(do='reprint', bay='07', ...)
    """

    def __init__(self, do: str, questions: tuple[Question, ...]) -> None:
        self._do = do
        self._left = list(questions)
        self._answers: dict[str, str] = {}

    @classmethod
    def of(cls, key: str, *, needs_second: bool = False) -> Dialog | None:
        """Return the dialog of a key, None if the key has none.

        :param needs_second: some decisions about the order need a second person
        """
        if key not in _ACTS:
            return None
        do, questions = _ACTS[key]
        return cls(do, (*questions, *(_SECOND if needs_second and key in _DECISIONS else ())))

    def prompt(self, typed: str) -> PromptLine:
        question = self._left[0]
        return PromptLine(question.text, "*" * len(typed) if question.is_hidden else typed)

    @property
    def takes_empty(self) -> bool:
        return self._left[0].is_optional

    def answer(self, text: str, view: LineView | None) -> PersonActed | None:
        """Take an answer; return the act if it is complete.

        :raises ValueError: the answer is not usable; the message is for the person
        """
        question = self._left[0]
        value = text.strip()
        if question.field == "bay":
            value = bay_in(value, view)
        if question.field in ("person", "second"):
            value = parse_scan(value).argument or value
        if question.field == "lot" and value.split(None, 1)[:1] not in (["stop"], ["go"]):
            raise ValueError("type stop or go")
        if question.field == "confirm" and value.lower() != "yes":
            raise ValueError("the shift goes on")
        if not value and not self.takes_empty:
            raise ValueError("nothing was typed")
        self._answers[question.field] = value
        del self._left[0]
        is_alone = question.field == "second" and not value
        if self._left and not is_alone:
            return None
        return act_with(self._do, self._answers, view)


def act_with(do: str, answers: Mapping[str, str], view: LineView | None) -> PersonActed:
    """Return the act of complete answers: a hold is released, a retest with a reason is a rework.

    :param answers: by the name of the field; without a person, who is signed in decides
    """
    bay, lot = answers.get("bay", ""), answers.get("lot", "")
    if do == "lot":
        word, _, lot = lot.partition(" ")
        do = f"{word}_lot"
    row = next((each for each in view.bays if each.number == bay), None) if view else None
    if do == "hold" and row is not None and row.state == "hold":
        do = "go"
    step = answers.get("step", "")
    if not step and row is not None and do == "waive":
        step = row.step
    if do == "retest" and answers.get("reason"):
        do = "rework"
    person = answers.get("person", "")
    if not person and view is not None:
        person = view.station.lead or view.station.person
    names = ("reason", "pin", "second", "second_pin")
    return PersonActed(
        do, bay, step, person, lot=lot.strip(), **{one: answers.get(one, "") for one in names}
    )


def bay_in(text: str, view: LineView | None) -> str:
    """Return the number of a bay that was scanned or typed.

    :raises ValueError: there is not such a bay
    """
    number = parse_scan(text).bay or text
    if view is None:
        return number
    for bay in view.bays:
        if bay.number == number or bay.number.lstrip("0") == number.lstrip("0") != "":
            return bay.number
    raise ValueError(f"bay {number[:8]} does not exist")


#: Keys that show lines over the tiles.
OVERLAYS: Final = ("F1", "F2", "F6")


def overlay(key: str, view: LineView) -> tuple[str, ...]:
    """Return the lines that a key shows over the tiles."""
    if key == "F1":
        return HELP
    if key == "F2":
        return _station(view)
    if key == "F6":
        rows = [f"{count:5}  {name}" for name, count in view.order.failures]
        lots = ", ".join(view.order.lots) or "none"
        return (f"LOTS  {lots}", "", "FAILED STEPS, units", "", *(rows or ["none"]), "",
                "F6 again: stop a lot, or let it go on")  # fmt: skip
    return ()


def _station(view: LineView) -> tuple[str, ...]:
    station = view.station
    return (
        f"STATION {station.name}",
        "",
        f"last check     {station.checked or 'due: modemagent provision station'}",
        f"operator       {station.person or '-'}",
        f"lead           {station.lead or '-'}",
        f"registry       {station.registry}, {station.queued} reports wait",
        f"printer        {station.printer}",
        f"bays           {len(view.bays)}, {sum(bay.run > 0 for bay in view.bays)} with a unit",
    )
