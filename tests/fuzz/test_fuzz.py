"""What hostile bytes may not do: every kept input again, and a short, always equal fuzz run.

The long run is ``scripts/fuzz``; docs/hostile-input.md says how its finds come here.
"""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import corpus_files
from fuzz.engine import Coverage, Fault, Fuzzer, Hangs, Target, TooMuchWork, Work, survives
from fuzz.targets import TARGETS
from modemagent.at.connection import AtConnection
from modemagent.at.line_splitter import ANSWER_LIMIT, LINE_LIMIT, LineEvent, LineSplitter
from modemagent.at.steps import Response

KEPT = [(name, data) for name in TARGETS for data in corpus_files.load(name)]
#: Runs of the short fuzz: a second or so each; a whole identification is slow.
RUNS = 25
FEWER = {
    "identify": 8,
    "interference": 10,
    "flood": 2,
    "log": 15,
    "reading": 10,
    "shapes": 6,
    "words": 10,
}
#: Every nth honest input begins the short run of a target whose inputs take longest.
SPARSE = {"flood": 8, "shapes": 8}
SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz"


@pytest.mark.parametrize(("name", "data"), KEPT, ids=[f"{n}-{i}" for i, (n, _) in enumerate(KEPT)])
def test_corpus_input_raises_nothing(name: str, data: bytes) -> None:
    survives(TARGETS[name], data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run_finds_nothing(name: str) -> None:
    target = TARGETS[name]
    honest = target.seeds()[:: SPARSE.get(name, 1)]
    fuzzer = Fuzzer(target._replace(seeds=lambda: honest), seed=2026)
    for _ in range(FEWER.get(name, RUNS)):
        fuzzer.step()
    assert not fuzzer.faults, [
        f"{fault.place}: {fault.data[:300]!r}" for fault in fuzzer.faults.values()
    ]
    assert fuzzer.edges > 0


def test_every_corpus_file_has_a_target() -> None:
    files = {file.stem for file in corpus_files.FOLDER.glob("*.txt")}
    assert files <= set(TARGETS)
    assert len(KEPT) > 0


# -- the fuzzer itself finds what is wrong


def _depends_on_cuts(data: bytes) -> None:
    splitter = LineSplitter()
    splitter.receive_data(data)
    while (event := splitter.next_event()) is not None:
        assert event.line != "+CME ERROR: 10", "found"


def test_fuzzer_finds_and_shortens_a_fault() -> None:
    target = Target(_depends_on_cuts, lambda: [b"\r\nOK\r\n"])
    fuzzer = Fuzzer(target, seed=5)
    while not fuzzer.faults and fuzzer.executions < 20_000:
        fuzzer.step()
    (fault,) = fuzzer.faults.values()
    from fuzz.engine import minimised

    assert minimised(target, fault).data.strip(b"\r\n") == b"+CME ERROR: 10"


def test_work_beyond_the_limit_is_a_fault() -> None:
    def quadratic(data: bytes) -> None:
        for end in range(len(data)):
            splitter = LineSplitter()
            splitter.receive_data(data[:end] + b"\r")
            splitter.next_event()

    data = b"OK\r" * 50
    steps = Coverage()
    steps.run(quadratic, data)
    survives(Target(quadratic, list, Work(steps.steps, 0)), data)
    with pytest.raises(TooMuchWork):
        survives(Target(quadratic, list, Work(steps.steps - 1, 0)), data)


def test_hanging_call_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    import re

    monkeypatch.setattr("fuzz.engine.SLOW_S", 0.2)
    pattern = re.compile("(a+)+b")
    target = Target(lambda data: bool(pattern.match(data.decode("latin-1"))) and None, list)
    fuzzer = Fuzzer(target, seed=1)
    fuzzer.execute(b"a" * 40)
    (fault,) = fuzzer.faults.values()
    assert isinstance(fault, Fault)
    assert isinstance(fault.error, Hangs)


def test_long_run_as_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--minutes", "0.02", "--seed", "1", "--target", "lines"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "lines: " in done.stderr
    saved = tmp_path / "lines-1"
    saved.write_bytes(b"\x1b[2J\xff")
    done = subprocess.run(
        [sys.executable, SCRIPT, "--replay", saved], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "survived" in done.stderr


# -- answers by grammar: what may stand where in an honest answer


VALUES = st.sampled_from(["352656100000010", '+CGSN: "352656100000010"', "IMEI: 352656100000010"])
URCS = st.sampled_from(["RDY", '+CMTI: "SM",1', "^RSSI: 19", "+CREG: 1", "NO CARRIER", "RING"])
ENDS = st.sampled_from(["\r\n", "\r", "\n", "\r\r\n"])
LATE = st.sampled_from(["", "AT+CIMI|901288000000001|OK", "AT+CIMI|ERROR", "AT+CPIN?|OK"])


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, str]:
    """A late answer perhaps, URCs anywhere, an echo perhaps, one value, a final result."""
    end = draw(ENDS)
    echo = draw(st.booleans())
    value = draw(VALUES)
    rows = draw(LATE).split("|") if echo else []
    rows += ["AT+CGSN"] if echo else []
    begin = len(rows)
    rows += [value, "OK"]
    for _ in range(draw(st.integers(0, 4))):
        rows.insert(draw(st.integers(begin if not echo else 0, len(rows) - 1)), draw(URCS))
    return "".join(f"{row}{end}" for row in rows if row).encode(), value


def _fed(wire: bytes, sizes: list[int]) -> list[Response | LineEvent]:
    dialogue = AtConnection()
    dialogue.send("AT+CGSN")
    out: list[Response | LineEvent] = []
    at = 0
    for size in [*sizes, len(wire)]:
        out += dialogue.receive_data(wire[at : at + size])
        at += size
    return out if not dialogue.in_flight else [*out, dialogue.expire()]


@settings(max_examples=300)
@given(answers(), st.lists(st.integers(1, 20), max_size=12))
def test_value_is_found_among_urcs_and_late_responses(
    made: tuple[bytes, str], sizes: list[int]
) -> None:
    wire, value = made
    whole = _fed(wire, [])
    found = [each for each in whole if isinstance(each, Response)]
    assert len(found) == 1
    if found[0].echoed:
        assert found[0].lines == (value,)
    else:
        assert value in found[0].lines
    cut = _fed(wire, sizes)
    assert [_without_raw(each) for each in cut] == [_without_raw(each) for each in whole]


def _without_raw(each: Response | LineEvent) -> object:
    return each._replace(raw=b"") if isinstance(each, Response) else each


# -- memory


@pytest.mark.parametrize("data", [b"\xff", b"A", b"RDY\r\n", b"OK\r\n", b"0\r", b"\x00", b"\r\n"])
@pytest.mark.parametrize("asked", [True, False])
def test_endless_input_is_bounded(data: bytes, asked: bool) -> None:
    """Endless input: at most one line and one response are kept."""
    dialogue = AtConnection()
    piece = data * (4096 // len(data))
    dialogue.echoes = True
    kept = []
    tracemalloc.start()
    try:
        if asked:
            dialogue.send("AT+CGSN")
        for size in (ANSWER_LIMIT * 5 // 4, ANSWER_LIMIT // 2):
            for _ in range(size // len(piece)):
                dialogue.receive_data(piece)
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # what is over the limit of an answer adds nothing, but for the spare room of a buffer
    assert kept[1] < kept[0] + len(piece)
    assert kept[1] < 1536 * 1024
    assert len(dialogue._splitter._line) <= LINE_LIMIT
