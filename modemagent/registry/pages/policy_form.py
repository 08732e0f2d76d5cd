"""Forms that add or change a policy: first the difference and a dry run, then the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modemagent.errors import UsageError
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.page_errors import forbidden, not_found
from modemagent.registry.pages.policy import TrialResult, trial_result
from modemagent.registry.pages.words import POLICY_MODES, Word
from modemagent.registry.policies.policy_content import MODES, differences, parse_policy
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.policies.policy_reader import content_document

_TEXTS = ("name", "mode", "site", "model", "order", "valid_from", "valid_to", "note", "reason")
_LISTS = ("tacs", "imeis", "iccids", "iccid_prefixes", "imsis")
_PAIRS = ("pairs", "exceptions")
_SHOWN = 20
#: Numbers that a form can hold; larger policies are changed by a file.
_MOST_IN_FORM = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedField:
    """A field before and after; of lists, what is added and removed."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyForm:
    """The form, with what was typed.

    :param url: address that it is sent to
    :param changes: what would change; None: it was not sent yet
    :param trial: what would be found if it were enforced
    """

    url: str
    title: str
    back: str
    revision: int
    values: Mapping[str, str]
    modes: list[tuple[str, Word]]
    changes: list[ChangedField] | None
    trial: TrialResult | None
    refusal: Refusal | None


def new(ask: Ask) -> Answer:
    """Return the form for a new policy."""
    return _form(ask, None, {"mode": "observe"})


def edit(ask: Ask) -> Answer:
    """Return the form with what a policy states."""
    stored = _stored(ask)
    return _form(ask, stored, _texts(stored))


def add(ask: Ask) -> Answer:
    """Show what a new policy would do, or add it if that was seen."""
    return _sent(ask, None)


def change(ask: Ask) -> Answer:
    """Show how a policy would change, or change it if that was seen."""
    return _sent(ask, _stored(ask))


def _sent(ask: Ask, stored: Document | None) -> Answer:
    calls = PolicyCalls(ask.state.database, ask.who.actor)
    values = {name: ask.form.text(name) for name in (*_TEXTS, *_LISTS, *_PAIRS)}
    revision = ask.number("revision") or 0

    def content() -> Document:
        return content_document(parse_policy(_given(values)))

    new_content = attempt(content, "policy")
    if isinstance(new_content, Refusal):
        return _form(ask, stored, values, refusal=new_content)
    if ask.given("seen") == "yes":
        made = attempt(
            lambda: (
                calls.add(_given(values))
                if stored is None
                else calls.change(stored["ref"], revision, _given(values))
            ),
            "policy",
        )
        if isinstance(made, Refusal):
            return _form(ask, stored, values, refusal=made)
        return SeeOther(f"/policies/P{made['ref']}#history")
    before = dict.fromkeys(new_content) if stored is None else stored
    tried = calls.try_policy(_given(values), _SHOWN)
    return _form(ask, stored, values, changes=_changes(before, new_content), tried=tried)


def _stored(ask: Ask) -> Document:
    if not ask.who.full_ids:
        raise forbidden("see full identifiers, which are edited here")
    found = PolicyCalls(ask.state.database, ask.who.actor).policy(ask.key("P", "policy"))
    if found is None:
        raise not_found("policy")
    return found


def _form(
    ask: Ask,
    stored: Document | None,
    values: Mapping[str, str],
    *,
    changes: list[ChangedField] | None = None,
    tried: Document | None = None,
    refusal: Refusal | None = None,
) -> Page:
    trial = None
    if tried is not None:
        with ask.reading() as connection:
            trial = trial_result(tried, Links(connection, ask.who))
    url = f"/policies/P{stored['ref']}" if stored else "/policies"
    model = PolicyForm(
        url=f"{url}/edit" if stored else "/policies/new",
        title=f"Change {stored['name']}" if stored else "New policy",
        back=url,
        revision=stored["revision"] if stored else 0,
        values={name: values.get(name, "") for name in (*_TEXTS, *_LISTS, *_PAIRS)},
        modes=[(one, POLICY_MODES[one]) for one in MODES],
        changes=changes,
        trial=trial,
        refusal=refusal,
    )
    return Page("policy_form.html", model, status=refusal.status if refusal else 200)


def _given(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the form as the API takes a policy."""
    given: dict[str, Any] = {name: values[name].strip() for name in _TEXTS}
    lists: dict[str, list[str]] = {name: values[name].split() for name in _LISTS}
    given["covers"] = {name: given.pop(name) or None for name in ("site", "model", "order")}
    given["covers"] |= {name: lists.pop(name) for name in ("tacs", "imeis")}
    given |= lists
    given["pairs"] = [
        {"imei": imei, "iccid": other} for imei, other in map(_two, _lines(values["pairs"]))
    ]
    given["exceptions"] = [
        {"imei": imei, _kind_of(other): other}
        for imei, other in map(_two, _lines(values["exceptions"]))
    ]
    return given


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _two(line: str) -> tuple[str, str]:
    parts = line.replace(",", " ").replace(";", " ").split()
    if len(parts) != 2:
        raise UsageError(
            f"{line.strip()[:60]!r} is not an IMEI and one other number",
            hint="Write a pair on each line, with a space between its numbers.",
        )
    return parts[0], parts[1]


def _kind_of(number: str) -> str:
    return "iccid" if len(number) > 15 else "imsi"


def _texts(stored: Document) -> dict[str, str]:
    """Return what a policy states as the texts of the form.

    :raises UsageError: it has more numbers than a form can hold
    """
    lists = {**stored, **stored["covers"]}
    if any(len(lists[name]) > _MOST_IN_FORM for name in (*_LISTS, *_PAIRS)):
        raise UsageError(
            f"the policy has more than {_MOST_IN_FORM} numbers of one kind",
            hint="Change it by the API or the command line: modemagent registry policy.",
        )
    found = {name: str(lists[name] or "") for name in _TEXTS if name != "reason"}
    found |= {name: "\n".join(lists[name]) for name in _LISTS}
    for name in _PAIRS:
        rows = (f"{one['imei']} {one['iccid'] or one['imsi']}" for one in stored[name])
        found[name] = "\n".join(rows)
    return found


def _changes(before: Mapping[str, Any], after: Document) -> list[ChangedField]:
    """Return what differs, as words."""
    old, new = dict(before), dict(after)
    old |= old.pop("covers", None) or {}
    new |= new.pop("covers")
    found = []
    for one in differences(old, new):
        if "added" in one:
            lines = [f"+ {_value(value)}" for value in one["added"][:_SHOWN]]
            gone = [f"- {_value(value)}" for value in one["removed"][:_SHOWN]]
            before_text, after_text = "\n".join(gone), "\n".join(lines)
        else:
            before_text, after_text = _value(one["old"]), _value(one["new"])
        if before_text or after_text:
            name = str(one["field"]).replace("_", " ")
            found.append(ChangedField(name=name, before=before_text, after=after_text))
    return found


def _value(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(str(one) for one in value.values() if one)
    if isinstance(value, list):
        return "\n".join(map(_value, value[:_SHOWN]))
    return "" if value is None else str(value)
