"""Short words, sentences, remedies and shapes of all codes that pages show.

The sentences and remedies are those of the catalogues of rules and of problems.

>>> word("sim.swapped").short, word("sim.swapped").shape
('SIM swapped', 'triangle')
"""

from __future__ import annotations

from typing import NamedTuple

from modemagent.identity.problems import CODES
from modemagent.identity.snapshot import ReadState, SimState
from modemagent.registry.pages.problem_words import CROSS, DAMAGES
from modemagent.registry.rules.catalogue import CATALOGUE


class Word(NamedTuple):
    """A code in plain language.

    :param shape: name of a symbol in ``static/icons.svg``
    :param tone: class of the color, which repeats what word and shape state
    :param sentence: what it means
    :param remedy: what to do next
    """

    short: str
    shape: str
    tone: str = "quiet"
    sentence: str = ""
    remedy: str = ""


_TONES = {"error": "bad", "warning": "warn", "note": "info"}
_SHAPES = {"error": "diamond", "warning": "triangle", "note": "disc"}

#: Short words of findings and events; findings about numbers have those of ``problem_words``.
_SHORT = {
    "imei.duplicate": "IMEI in several places",
    "imei.cloned": "IMEI cloned",
    "imei.altered": "IMEI altered",
    "sim.cloned": "SIM cloned",
    "sim.churn": "SIMs changed often",
    "sim.swapped": "SIM swapped",
    "sim.profile_switched": "eSIM profile switched",
    "sim.imsi_switched": "IMSI switched",
    "sim.moved": "SIM moved",
    "sim.removed": "SIM removed",
    "sim.first_seen": "SIM first seen",
    "modem.swapped": "Modem swapped",
    "modem.moved": "Modem moved",
    "modem.removed": "Modem removed",
    "modem.first_seen": "Modem first seen",
    "modem.firmware_changed": "Firmware changed",
    "modem.flapping": "Modem flapping",
    "network.denied": "Network denied",
    "gateway.identity_forked": "Gateway copied",
    "gateway.clock_suspect": "Clock suspect",
    "gateway.silent": "Gateway silent",
    "pairing.linked": "SIM linked",
    "case.opened": "Case opened",
    "case.sighted": "Case sighted",
    "case.closed": "Case closed",
    "modem.not_in_inventory": "Modem not in inventory",
    "imei.label_mismatch": "IMEI and label differ",
    "recall.matched": "Recall or notice",
    "lot.failures": "Failures in a lot",
}


def _problem_word(code: str) -> Word:
    kind, _, name = code.partition(".")
    severity, meaning = CODES[code]
    if kind == "cross":
        short = CROSS[name]
    elif kind == "sim":
        short = _SIM_STATES[SimState("unknown" if name == "wrong_slot" else name)].short
    else:
        short = f"{kind.upper()} {DAMAGES[name]}"
    return Word(short, _SHAPES[severity], _TONES[severity], f"{meaning[:1].upper()}{meaning[1:]}.")


_SIM_STATES = {
    SimState.READY: Word("SIM ready", "tick", "ok"),
    SimState.PIN_REQUIRED: Word("SIM waits for its PIN", "triangle", "warn"),
    SimState.PUK_REQUIRED: Word("SIM waits for its PUK", "triangle", "warn"),
    SimState.LOCKED: Word("locked to other SIMs", "triangle", "warn"),
    SimState.NO_PROFILE: Word("eUICC without a profile", "triangle", "warn"),
    SimState.ABSENT: Word("no SIM", "ring"),
    SimState.BUSY: Word("not read: SIM busy", "question"),
    SimState.FAILURE: Word("not read: SIM failed", "diamond", "bad"),
    SimState.OFF: Word("SIM switched off", "ring"),
    SimState.UNKNOWN: Word("not read: state unknown", "question"),
}

_READ_STATES = {
    ReadState.OK: Word("read", "tick", "ok"),
    ReadState.ABSENT: Word("not read: no SIM", "ring"),
    ReadState.LOCKED: Word("not read: SIM locked", "question"),
    ReadState.FAILED: Word("not read: command failed", "question"),
    ReadState.UNSUPPORTED: Word("not offered by the modem", "question"),
    ReadState.TIMEOUT: Word("not read: no answer", "question"),
}

SEVERITIES = {
    "error": Word("error", "diamond", "bad"),
    "warning": Word("warning", "triangle", "warn"),
    "note": Word("note", "disc", "info"),
}

LINK_STATES = {
    "linked": Word("linked", "chain", "ok"),
    "armed": Word("armed", "gap", "info"),
    "differed": Word("differed", "unequal", "bad"),
    "unlinked": Word("unlinked", "ring", sentence="No policy covers this modem."),
}

STATES = {
    "undecided": Word("undecided", "ring"),
    "acknowledged": Word("acknowledged", "eye", "info"),
    "resolved": Word("resolved", "tick", "ok"),
    "suppressed": Word("suppressed", "barred"),
}

#: State of a note that was not decided: it needs no decision.
NOTED = Word("noted", "dot")

LISTS = {
    "prohibited": Word("prohibited", "barred", "bad"),
    "tracked": Word("tracked", "eye", "warn"),
    "permitted": Word("permitted", "tick", "ok"),
}

#: What a file can be imported into.
TARGETS = {
    "prohibited": "prohibited list",
    "tracked": "tracked list",
    "permitted": "permitted list",
    "assets": "assets",
    "orders": "orders",
    "tacs": "table of TACs",
}

#: What a number of a check can need attention for, the worst first.
CHECKS = {
    "prohibited": LISTS["prohibited"],
    "damaged": Word("damaged by a spreadsheet", "diamond", "bad"),
    "invalid": Word("not valid", "diamond", "bad"),
    "twice": Word("twice in this box", "diamond", "bad"),
    "machines": Word("several machines", "diamond", "bad"),
    "other_model": Word("of another model", "triangle", "warn"),
    "not_ordered": Word("not in the order", "triangle", "warn"),
    "tracked": LISTS["tracked"],
    "unusual": Word("unusual", "triangle", "warn"),
    "model_unknown": Word("model not known", "question"),
    "fine": Word("fine", "tick", "ok"),
}

CASE_KINDS = {
    "lost": Word("lost", "question", "warn"),
    "stolen": Word("stolen", "barred", "bad"),
    "wrongly_listed": Word("wrongly listed", "unequal", "warn"),
}
CASE_STATES = {
    "open": Word("open", "ring", "info"),
    "sighted": Word("sighted", "diamond", "bad"),
    "closed": Word("closed", "tick", "ok"),
}
OUTCOMES = {
    "recovered": "recovered",
    "not_stolen": "not stolen",
    "delisted": "taken off the list",
}
CASE_ACTIONS = {
    "opened": "opened the case",
    "changed": "changed",
    "note": "noted",
    "task_done": "has done",
    "task_open": "has marked as not done",
    "closed": "closed the case",
}

POLICY_MODES = {
    "observe": Word("observe", "eye", "quiet", "Nothing is learned, and nothing is found."),
    "learn": Word("learn", "gap", "info", "Each slot is linked with the first SIM it reports."),
    "enforce": Word("enforce", "chain", "ok", "A SIM that is not allowed is found as an error."),
}
LIFECYCLES = {
    "ordered": Word("ordered", "ring", "info"),
    "in_stock": Word("in stock", "dot"),
    "installed": Word("installed", "tick", "ok"),
    "in_repair": Word("in repair", "triangle", "warn"),
    "lost": Word("lost", "question", "bad"),
    "retired": Word("retired", "barred"),
}
ORDER_STATES = {
    "expected": Word("expected", "ring", "info"),
    "partly_received": Word("partly received", "gap", "warn"),
    "received": Word("received", "tick", "ok"),
    "closed": Word("closed", "barred"),
}
#: What a bench reported last about a unit: its verdict, or how far it has come.
BENCH_STATES = {
    "pass": Word("PASS", "tick", "ok"),
    "waived": Word("WAIVED", "triangle", "warn"),
    "fail": Word("FAIL", "diamond", "bad"),
    "checked": Word("checked", "dot", "info", "All comparisons have passed; its label follows."),
    "removed": Word("taken out", "ring"),
    "unknown": Word("not read", "question"),
}
BLAMES = {
    "unit": "the unit",
    "order": "the order",
    "operator": "the operator",
    "station": "the station",
}
WINDOW_STATES = {
    "announced": Word("announced", "ring", "info"),
    "now": Word("now", "triangle", "warn"),
    "over": Word("over", "tick"),
}

#: Whether a SIM is allowed in a modem, at the time of a change or now.
ALLOWED = {
    "by_policy": Word("yes", "tick", "ok"),
    "not_by_policy": Word("no", "unequal", "bad"),
    "announced": Word("yes, work was announced", "tick", "ok"),
    "no_policy": Word("no policy", "ring"),
}

#: States of accounts and tokens.
ACCESS_STATES = {
    "active": Word("active", "tick", "ok"),
    "invited": Word("invited", "gap", "info"),
    "revoked": Word("revoked", "barred"),
    "expired": Word("expired", "barred"),
}

WEBHOOK_STATES = {
    "active": Word("active", "tick", "ok"),
    "failing": Word("failing", "triangle", "warn"),
    "disabled": Word("disabled", "barred"),
}

#: States of messages to webhooks.
MESSAGE_STATES = {
    "waiting": Word("waiting", "gap", "info"),
    "delivered": Word("delivered", "tick", "ok"),
    "dead": Word("given up", "diamond", "bad"),
}

#: States of a re-check.
RECHECK_STATES = {
    "finding": Word("finds its modems and SIMs", "gap", "info"),
    "counting": Word("counts", "gap", "info"),
    "writing": Word("being written", "gap", "info"),
    "stopped": Word("waits for confirmation", "triangle", "warn"),
    "done": Word("done", "tick", "ok"),
    "counted": Word("only counted", "eye"),
    "superseded": Word("replaced by a later one", "barred"),
}


CAUSES = {
    "removed": "removed",
    "replaced": "replaced by another",
    "moved": "moved",
}

GRADES = {
    "certain": "certain: readings of both contradict each other more than once",
    "probable": "probable: one contradiction, or another maker",
    "possible": "possible: it may be a coincidence",
}


_ABBREVIATIONS = {one.lower(): one for one in ("IMEI", "SIM", "TAC", "EIR")}


def _words_of(code: str) -> str:
    """Return the name of a rule as words.

    >>> _words_of("imei.tracked"), _words_of("pairing.violation")
    ('IMEI tracked', 'Pairing violation')
    """
    first, *others = code.replace(".", " ").replace("_", " ").split()
    return " ".join((_ABBREVIATIONS.get(first, first.capitalize()), *others))


WORDS: dict[str, Word] = {
    **{code: _problem_word(code) for code in CODES},
    **{name: Word(short, "dot") for name, short in _SHORT.items()},
}
WORDS |= {
    name: Word(
        _SHORT.get(name) or (WORDS[name].short if name in WORDS else _words_of(name)),
        _SHAPES[row.severity],
        _TONES[row.severity],
        row.sentence,
        row.remedy,
    )
    for name, row in CATALOGUE.items()
}


def word(code: str) -> Word:
    """Return the word of a finding, an event or a problem; of an unknown code, the code."""
    return WORDS.get(code) or Word(code, "dot")


def finding_word(code: str, severity: str) -> Word:
    """Return the word of a finding with the shape of its severity, which its grade can lower."""
    return word(code)._replace(shape=_SHAPES[severity], tone=_TONES[severity])


def sim_state(code: str) -> Word:
    """Return the word of the state of a SIM."""
    return _SIM_STATES[SimState(code)]


def read_state(code: str) -> Word:
    """Return the word of the read state of a field."""
    return _READ_STATES[ReadState(code)]
