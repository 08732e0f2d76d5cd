"""Acts, scans and damaged journals that a bench has to endure, without ports and without a clock.

Every pair of acts in every kind of state, scans and acts with escape codes, markup and printer
commands, and a journal with every decision that is cut at each byte. After each act the line is
drawn for terminal and browser, and at the end the journal is replayed. The exit status is 3 if
anything is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from modemagent.identity.snapshot import SimState
from modemagent.provisioning.bench_file import BenchHook, parse_bench
from modemagent.provisioning.browser.page import fragments
from modemagent.provisioning.events import (
    CodeScanned,
    HookEnded,
    HubsJudged,
    LabelDone,
    PortFailed,
    ReportKept,
)
from modemagent.provisioning.journal import Journal, JournalBroken
from modemagent.provisioning.ledger import Ledger, replayed
from modemagent.provisioning.scans.sources import event_of
from modemagent.provisioning.screen.page import draw_page
from modemagent.provisioning.screen.theme import theme_for
from tests.provisioning.line import KIND, NO_LABEL, Line, reading, unit_with

_UNITS = [unit_with(number) for number in range(1, 12)]
_ONE, _TWO = _UNITS[:2]
_ACTS = (
    "start", "retest", "rework", "waive", "reprint", "hold", "go", "fail", "same", "end", "person",
    "sign_in", "stop_lot", "go_lot", "unknown",
)  # fmt: skip
_STEPS = ("", "firmware", "amps", "print", "register", "unknown")
_HOOKS = {"hooks": (BenchHook("amps", ("x",)),)}
_THEME = theme_for({"TERM": "xterm-256color"}, has_colours=True)

#: Order, settings, and what has happened in bay 01.
_State = tuple[str, dict[str, Any], Callable[[Line], object]]


def _twice(line: Line, **second: Any) -> None:
    line.plug("01", _ONE)
    line.pull("01")
    line.plug("01", _ONE, **second)


def _stuck(event: Any) -> Callable[[Line], None]:
    def begin(line: Line) -> None:
        line.prints = line.stores = False
        line.plug("01", _ONE)
        line.post(event)

    return begin


def _worn_out(line: Line) -> None:
    for _ in range(3):
        line.plug("01", _ONE, firmware="OLD")
        line.pull("01")
    line.plug("01", _ONE)


def _busy(line: Line) -> None:
    line.plug("01")
    line.post(PortFailed("01", "busy", "held by another program"))


def _stopped(line: Line) -> None:
    line.act("stop_lot", reason="x")
    line.plug("01", _ONE)


_PRINT = KIND.format(label="print")
_STATES: dict[str, _State] = {
    "empty": (NO_LABEL, {}, lambda _: None),
    "booting": (NO_LABEL, {}, lambda line: line.plug("01")),
    "busy": (NO_LABEL, {}, _busy),
    "mute": (NO_LABEL, {}, lambda line: (line.plug("01"), line.wait(61))),
    "no paper": (_PRINT, {}, _stuck(LabelDone(1, "failed", "no paper"))),
    "label refused": (_PRINT, {}, _stuck(LabelDone(1, "refused", "too long"))),
    "registry away": (NO_LABEL, {"registry": "queue"}, _stuck(ReportKept(1, "checked", "away"))),
    "hook": (NO_LABEL, _HOOKS, lambda line: line.plug("01", _ONE)),
    "hook on hold": (NO_LABEL, _HOOKS, _stuck(HookEnded(1, "amps", "station", "no meter"))),
    "hook failed": (NO_LABEL, _HOOKS, _stuck(HookEnded(1, "amps", "fail", "9 mA"))),
    "scanning": (KIND.format(label="scan"), {}, lambda line: line.plug("01", _ONE)),
    "verifying": (KIND.format(label="print+scan"), {}, lambda line: line.plug("01", _ONE)),
    "passed": (NO_LABEL, {}, lambda line: line.plug("01", _ONE)),
    "failed": (NO_LABEL, {}, lambda line: line.plug("01", _ONE, firmware="OLD")),
    "no IMEI": (NO_LABEL, {}, lambda line: line.plug("01", reading(_ONE, imei=None))),
    "twins": (NO_LABEL, {}, lambda line: (line.plug("01", _ONE), line.plug("02", _ONE))),
    "done": (NO_LABEL, {}, _twice),
    "recheck": (NO_LABEL, {"rechecks": True}, _twice),
    "other module": (NO_LABEL, {}, lambda line: _twice(line, serial_number="B7654321")),
    "worn out": (NO_LABEL, {}, _worn_out),
    "hub": (NO_LABEL, {}, _stuck(HubsJudged({"01": "gone"}))),
    "lot stopped": (NO_LABEL, {}, _stopped),
    "check due": (NO_LABEL, {"station_check_h": 1}, lambda line: line.plug("01", _ONE)),
    "no operator": (NO_LABEL, {"require_operator": True}, lambda line: line.plug("01", _ONE)),
    "golden failed": (NO_LABEL, {"golden": _ONE.imei},
                      lambda line: line.plug("01", _ONE, sim=SimState.ABSENT)),
}  # fmt: skip

_PIECES = (
    "\x1b[2J", "\x1b]0;x\x07", "<script>alert(1)</script>", "^XA^FO5,5^FDx^FS^XZ", "~JR", "=cmd|'",
    "@SUM(1)", "\x1d", "\x00", "MA-BAY-01", "MA-BAY-99", "MA-BADGE-", "MA-PRINT", "MA-OK", "]C1",
    "(8002)", "(21)", _ONE.imei, _TWO.imei, _ONE.iccid, "8" * 40, "9" * 4000, "\u202e", "{", "[1,2",
    '{"do":"fail","bay":"01"}', "'; DROP TABLE", "imei:", "\r", "\t", "%s%n", "../..", "0" * 15,
)  # fmt: skip


def _draw(line: Line) -> None:
    """Draw both screens; nothing but text may be in them."""
    view = line.view()
    for width, height in ((80, 24), (140, 40)):
        rows = draw_page(view, (width, height), _THEME).lines()
        assert len(rows) <= height
        assert all(len(row) <= width for row in rows)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", "".join(rows))
    page = "".join(fragments(view).values())
    assert "<script" not in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", page)


def acts(random_: random.Random) -> dict[str, Any]:
    """Do every pair of acts in every state."""
    wrong: list[str] = []
    for (name, state), pair in itertools.product(
        _STATES.items(), itertools.product(_ACTS, repeat=2)
    ):
        order, settings, begin = state
        line = Line(order, **settings)
        try:
            begin(line)
            for act in pair:
                step = random_.choice(_STEPS) if act == "waive" else ""
                line.act(act, step=step, reason="other", person="EVA")
                line.wait(1)
            _draw(line)
            _draw(line.restarted(**settings))
        except Exception as error:  # noqa: BLE001 - each is reported
            wrong.append(f"{name}, {' and '.join(pair)}: {error!r}")
    return {"states": len(_STATES), "pairs": len(_STATES) * len(_ACTS) ** 2, "wrong": wrong}


def hostile(count: int, random_: random.Random) -> dict[str, Any]:
    """Send scans and acts of texts that are commands elsewhere."""
    wrong: list[str] = []
    line = Line(KIND.format(label="scan"))
    for at in range(count):
        text = "".join(random_.choice(_PIECES) for _ in range(random_.randint(1, 4)))
        names = ("step", "person", "reason", "lot", "second", "second_pin", "pin")
        act = {"do": random_.choice((*_ACTS, text)), "bay": random_.choice(("01", text))}
        try:
            event = CodeScanned("scanner", text, random_.random() < 0.3)
            if at % 7 == 0:
                found = event_of(json.dumps({**act, **dict.fromkeys(names, text)}), "stdin")
                event = found or event  # type: ignore[assignment]
            line.now += random_.random()
            line.post(event)
            if at % 500 == 0:
                _draw(line)
                line = Line(KIND.format(label="scan"))
                line.plug("01", _ONE)
        except Exception as error:  # noqa: BLE001 - each is reported
            wrong.append(f"{text!r}: {error!r}")
    return {"events": count, "wrong": wrong}


def _decided() -> list[dict[str, Any]]:
    """Return a journal with passes, failures, a late label, waiver, golden unit and lot."""
    people = {"EVA": {"role": "engineer"}, "LEO": {"role": "lead"}, "ANNA": {}}
    golden = _UNITS[10]
    header = "model,firmware,quantity,lot,sim,label,second_person"
    order = f"{header}\nEG25-G,EG25GGBR07A08*,20,L-1,required,scan,yes\n"
    line = Line(order, people=parse_bench({"people": people}).people, golden=golden.imei)
    line.act("person", person="ANNA")
    line.plug("01", _ONE)
    line.scan("MA-BAY-01", _ONE.imei, "MA-BAY-01", _TWO.iccid)
    line.plug("02", _UNITS[2], firmware="OLD")
    line.act("waive", "02", person="EVA", reason="agreed", second="LEO")
    for unit in _UNITS[3:6]:
        line.plug("03", unit, firmware="OLD")
        line.pull("03")
    for sim in (SimState.ABSENT, SimState.READY):
        line.plug("03", golden, sim=sim)
        line.pull("03")
    line.act("stop_lot", person="LEO", reason="x", second="EVA")
    line.plug("04", _UNITS[6])
    line.act("go_lot", person="LEO", reason="y", second="EVA")
    line.scan("MA-BAY-04", _UNITS[6].imei)
    return [dict(record) for record in line.records]


def _summary(ledger: Ledger) -> str:
    verdicts = {unit: str(entry.verdict) for unit, entry in ledger.units.items()}
    stops = sorted(ledger.stopped_lots), ledger.unit_problems, ledger.decided_run
    return repr((verdicts, stops, ledger.claims, ledger.sims))


def cuts(random_: random.Random) -> dict[str, Any]:
    """Cut a journal at each byte, and change bits of it."""
    wrong: list[str] = []
    records = _decided()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        journal = Journal(folder)
        for record in records:
            fields = {k: v for k, v in record.items() if k not in ("kind", "at", "mono_ms")}
            journal.append(record["kind"], fields, record["at"], record["mono_ms"])
        journal.commit(is_synced=True)
        journal.close()
        data = journal.path.read_bytes()
        ends = [0, *(at for at, sign in enumerate(data, 1) if sign == ord("\n"))]
        states = [_summary(replayed(records[:count])) for count in range(len(ends))]
        for cut in range(len(data) + 1):
            journal.path.write_bytes(data[:cut])
            count = sum(end <= cut for end in ends) - 1
            found = Journal(folder)
            found.close()
            if _summary(replayed(found.records)) != states[count]:
                wrong.append(f"cut at {cut}: another state than that of {count} records")
            if found.torn != cut - ends[count]:
                wrong.append(f"cut at {cut}: {found.torn} bytes were moved away")
        for _ in range(2000):
            at = random_.randrange(ends[-2])
            changed = bytearray(data)
            changed[at] ^= 1 << random_.randrange(8)
            journal.path.write_bytes(changed)
            try:
                Journal(folder).close()
                wrong.append(f"a changed bit of byte {at} is not noticed")
            except JournalBroken:
                pass
    return {"records": len(records), "cuts": len(data) + 1, "bits": 2000, "wrong": wrong}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    random_ = random.Random(given.seed)
    found = {
        "acts": acts(random_), "hostile": hostile(given.events, random_), "journal": cuts(random_)
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    return 3 if any(one["wrong"] for one in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
