"""Forms of the browser screen: a scan, or an act of a person, as the fields state it.

The fields of each act are shown as they are needed; without script all of them are shown, and those
that an act does not need are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final, NamedTuple

from modemagent.provisioning.acts import REWORKS
from modemagent.provisioning.events import CodeScanned, PersonActed
from modemagent.provisioning.line import LineView
from modemagent.provisioning.scans.shapes import LONGEST, parse_scan
from modemagent.provisioning.screen.dialog import act_with, bay_in

SOURCE: Final = "browser"


class FormAct(NamedTuple):
    """An act of the form.

    :param text: what it does
    :param fields: those that it needs, and those that it may have
    :param key: function key that opens it, as on the terminal
    """

    text: str
    fields: tuple[str, ...]
    key: str = ""


ACTS: Final = {
    "waive": FormAct("waive a failed step", ("bay", "step", "person", "reason"), "F4"),
    "retest": FormAct("test again; with a reason: rework", ("bay", "person", "reason"), "F5"),
    "reprint": FormAct("print the label again", ("bay",), "F3"),
    "stop_lot": FormAct("stop a lot", ("lot", "person", "reason"), "F6"),
    "go_lot": FormAct("let a lot go on", ("lot", "person", "reason")),
    "hold": FormAct("hold the bay, or release it", ("bay", "reason"), "F7"),
    "fail": FormAct("fail the unit", ("bay", "reason")),
    "same": FormAct("it is the module that has passed", ("bay", "person")),
    "person": FormAct("work here as operator", ("person",)),
    "sign_in": FormAct("sign in as lead or engineer", ("person", "pin"), "F10"),
    "end": FormAct("end the shift", ("confirm",)),
}
#: What the others may need besides, if the order requires a second person.
_SECOND: Final = ("second", "second_pin")
_DECISIONS: Final = frozenset({"waive", "retest", "same", "stop_lot", "go_lot"})
_OPTIONAL: Final = frozenset({"step", "person", "reason", "lot", *_SECOND})
_PERSONAL: Final = frozenset({"person", "sign_in"})
_LABELS: Final = {
    "bay": ("Bay, typed or scanned", ""),
    "step": ("Step; empty: the one that failed", ""),
    "person": ("Who decides; empty: who is signed in", ' autocomplete="off"'),
    "reason": ("Reason", ' list="reasons" maxlength="200"'),
    "lot": ("Lot; empty: the one that is meant", ' maxlength="200"'),
    "pin": ("PIN", ' type="password" autocomplete="off"'),
    "second": ("Second person, badge or name", ' autocomplete="off"'),
    "second_pin": ("PIN of the second person", ' type="password" autocomplete="off"'),
    "confirm": ("Type yes", ""),
}


def event_of_form(
    form: Mapping[str, str], view: LineView, *, is_near: bool
) -> CodeScanned | PersonActed:
    """Return the event of a form.

    :param is_near: the browser runs on this machine: elsewhere a PIN could be read on its way
    :raises ValueError: it is not usable; the message is for the person
    """
    if "scan" in form:
        text = form["scan"].strip(" \t\r\n")[:LONGEST]
        if not text:
            raise ValueError("the scan is empty")
        return CodeScanned(SOURCE, text, form.get("typed") != "no")
    do = form.get("do", "")
    act = ACTS.get(do)
    if act is None:
        raise ValueError("choose what to do")
    names = _fields(do, act, needs_second=view.order.needs_second)
    answers = {name: form.get(name, "").strip() for name in names}
    missing = [
        _LABELS[name][0].partition(",")[0].partition(";")[0].lower()
        for name in names
        if not answers[name] and (name not in _OPTIONAL or (do in _PERSONAL and name == "person"))
    ]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    if "bay" in answers:
        answers["bay"] = bay_in(answers["bay"], view)
    for name in ("person", "second"):
        if answers.get(name):
            answers[name] = parse_scan(answers[name]).argument or answers[name]
    if answers.get("confirm", "yes").lower() != "yes":
        raise ValueError("the shift goes on")
    if (do == "sign_in" or answers.get("second_pin")) and not is_near:
        raise ValueError("sign in at the station itself: a PIN is not sent over the network")
    return act_with(do, answers, view)


def _fields(do: str, act: FormAct, *, needs_second: bool) -> tuple[str, ...]:
    return (*act.fields, *(_SECOND if needs_second and do in _DECISIONS else ()))


def forms(*, needs_second: bool) -> str:
    """Return the forms of the page: the scan field, and the decisions.

    :param needs_second: some decisions about the order need a second person
    """
    fields_of = {name: " ".join(_fields(name, act, needs_second=needs_second))
                 for name, act in ACTS.items()}  # fmt: skip
    options = "".join(
        f'<option value="{name}" data-fields="{fields_of[name]}" data-key="{act.key}">'
        f"{escape(act.text)}{f' ({act.key})' if act.key else ''}</option>"
        for name, act in ACTS.items()
    )
    fields = "".join(
        f'<label data-field="{name}">{escape(text)}<input name="{name}"{more}></label>'
        for name, (text, more) in _LABELS.items()
        if needs_second or name not in _SECOND
    )
    reasons = "".join(f"<option>{escape(one)}</option>" for one in REWORKS)
    return (
        '<div id="input"><form id="scan" method="post" action="act">'
        '<label for="code">Scan</label><input id="code" name="scan" autocomplete="off" '
        f'spellcheck="false" maxlength="{LONGEST}" autofocus>'
        '<input type="hidden" name="typed" value=""><button>Send</button></form>'
        '<details id="decide"><summary>Decide</summary><form method="post" action="act">'
        f'<label>What<select name="do">{options}</select></label>{fields}'
        f'<datalist id="reasons">{reasons}</datalist><button>Do it</button></form></details>'
        '<p id="answer" role="status"></p></div>'
    )
