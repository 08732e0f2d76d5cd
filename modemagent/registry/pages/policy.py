"""The page of a policy: what it allows, what enforcing it would find, and its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modemagent.registry.api.policy_documents import shown_policy
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.policies import covers_text
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import LINK_STATES, POLICY_MODES, Word
from modemagent.registry.policies.pair_file import FORMS, pairs_csv
from modemagent.registry.policies.policy_content import MODES
from modemagent.registry.store.evaluation.recheck_runs import RecheckOptions
from modemagent.registry.store.fleet.documents import Document

_SHOWN = 20  # numbers of each kind, and modems of a dry run


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberList:
    """Numbers that a policy states: the first of them, and how many others there are."""

    name: str
    shown: list[str]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedRow:
    """A modem of a dry run."""

    link: Link | None
    state: Word
    slots: list[tuple[int, Link | None, Word]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What would happen if the policy were enforced.

    :param percent: of the covered modems that would differ
    :param brake: percentage at which a re-check stops
    """

    counts: list[tuple[Word, int]]
    total: int
    differed: int
    percent: float
    brake: float
    unknown: int
    is_complete: bool
    rows: list[TriedRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A revision of a policy."""

    revision: int
    time: ShownTime | None
    actor: str
    reason: str
    mode: Word | None
    can_return: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """A policy.

    :param trial: result of a dry run, if one was requested
    """

    url: str
    name: str
    mode: Word
    modes: list[tuple[str, Word]]
    revision: int
    covers: str
    note: str
    valid_from: ShownTime | None
    valid_to: ShownTime | None
    counts: list[tuple[Word, int]]
    numbers: list[NumberList]
    learns: bool
    trial: TrialResult | None
    history: list[VersionRow]
    forms: list[str]
    may_operate: bool
    may_edit: bool
    refusal: Refusal | None
    typed: str


def show(ask: Ask) -> Answer:
    """Return the page of a policy."""
    return _page(ask)


def pairs(ask: Ask) -> Answer:
    """Return the pairs of a policy as CSV, stated and learned, as an operator reads them."""
    key = ask.key("P", "policy")
    found = PolicyCalls(ask.state.database, ask.who.actor).pairs(key)
    if found is None:
        raise not_found("policy")
    form = ask.query("form") if ask.query("form") in FORMS else next(iter(FORMS))
    return Download(f"policy-P{key}-{form}.csv", pairs_csv(form, shown_policy(found, ask.who)))


def apply(ask: Ask) -> Answer:
    """Set the mode of a policy."""
    return _act(
        ask,
        lambda calls, key, revision: calls.apply(
            key, revision, ask.given("mode"), ask.given("reason")
        ),
    )


def revert(ask: Ask) -> Answer:
    """Let a policy state again what it did in an earlier revision."""
    to = ask.number("to") or 0
    return _act(
        ask, lambda calls, key, revision: calls.revert(key, revision, to, ask.given("reason"))
    )


def delete(ask: Ask) -> Answer:
    """Delete a policy; its revisions are kept."""
    key, calls = ask.key("P", "policy"), PolicyCalls(ask.state.database, ask.who.actor)
    revision, reason = ask.number("revision") or 0, ask.given("reason")
    made = attempt(lambda: calls.delete(key, revision, reason) or None, "policy")
    return _page(ask, made) if isinstance(made, Refusal) else SeeOther("/policies")


def _act(ask: Ask, work: Callable[[PolicyCalls, str, int], Document | None]) -> Answer:
    key, calls = ask.key("P", "policy"), PolicyCalls(ask.state.database, ask.who.actor)
    made = attempt(lambda: work(calls, key, ask.number("revision") or 0), "policy or revision")
    if isinstance(made, Refusal):
        return _page(ask, made)
    return SeeOther(f"/policies/P{key}#history")


def _page(ask: Ask, refusal: Refusal | None = None) -> Page:
    key, calls = ask.key("P", "policy"), PolicyCalls(ask.state.database, ask.who.actor)
    found = calls.policy(key)
    if found is None:
        raise not_found("policy")
    tried = calls.dry_run(key, _SHOWN) if ask.query("dry-run") else None
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        trial = trial_result(tried, links) if tried else None
        model = _model(found, trial, ask, refusal)
    return Page("policy.html", model, status=refusal.status if refusal else 200)


def _model(
    found: Document, trial: TrialResult | None, ask: Ask, refusal: Refusal | None
) -> PolicyView:
    shown = shown_policy(found, ask.who)
    covers = shown["covers"]
    sizes = {**covers, "imeis": len(covers["imeis"]), "tacs": len(covers["tacs"])}
    numbers = number_lists(shown)
    return PolicyView(
        url=f"/policies/P{found['ref']}",
        name=shown["name"],
        mode=POLICY_MODES[found["mode"]],
        modes=[(one, POLICY_MODES[one]) for one in MODES],
        revision=found["revision"],
        covers=covers_text(sizes, len(found["pairs"])),
        note=shown["note"],
        valid_from=moment(found["valid_from"], ask.now),
        valid_to=moment(found["valid_to"], ask.now),
        counts=[(LINK_STATES[state], number) for state, number in found["links"].items()],
        numbers=numbers,
        learns=not any(found[name] for name in ("iccids", "iccid_prefixes", "imsis", "pairs")),
        trial=trial,
        history=[
            VersionRow(
                revision=one["revision"],
                time=moment(one["time"], ask.now),
                actor=actor_text(one["actor"]),
                reason=one["reason"],
                mode=POLICY_MODES[one["mode"]] if one["mode"] else None,
                can_return=one["mode"] is not None and one["revision"] != found["revision"],
            )
            for one in shown["history"][::-1]
        ],
        forms=list(FORMS),
        may_operate=ask.who.may_operate,
        may_edit=ask.who.may_operate and ask.who.full_ids,
        refusal=refusal,
        typed=ask.given("reason"),
    )


def number_lists(shown: Document) -> list[NumberList]:
    """Return what a policy states by single numbers, as it may be shown."""
    found: list[tuple[str, list[str]]] = [
        ("TACs", shown["covers"]["tacs"]),
        ("IMEIs", shown["covers"]["imeis"]),
        ("ICCIDs that may be in any of them", shown["iccids"]),
        ("first digits of ICCIDs", shown["iccid_prefixes"]),
        ("IMSIs", shown["imsis"]),
        ("pairs of IMEI and ICCID", [f"{one['imei']} {one['iccid']}" for one in shown["pairs"]]),
        (
            "exceptions",
            [f"{one['imei']} {one['iccid'] or one['imsi']}" for one in shown["exceptions"]],
        ),
    ]
    return [
        NumberList(name=name, shown=numbers[:_SHOWN], more=max(len(numbers) - _SHOWN, 0))
        for name, numbers in found
        if numbers
    ]


def trial_result(tried: dict[str, Any], links: Links) -> TrialResult:
    """Return what a dry run has found; its document has full identifiers."""
    counts: dict[str, int] = tried["counts"]
    total = sum(counts.values())
    return TrialResult(
        counts=[(LINK_STATES[state], number) for state, number in counts.items()],
        total=total,
        differed=counts["differed"],
        percent=100 * counts["differed"] / total if total else 0.0,
        brake=100 * RecheckOptions().ratio,
        unknown=tried["unknown"],
        is_complete=tried["complete"],
        rows=[
            TriedRow(
                link=links.modem(one["imei"]),
                state=LINK_STATES[one["link_state"]],
                slots=[
                    (slot["slot"], links.sim(slot["iccid"]), LINK_STATES[slot["link_state"]])
                    for slot in one["slots"]
                ],
            )
            for one in tried["modems"]
        ],
    )
