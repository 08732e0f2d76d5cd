"""Final result codes, and lines that only look like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.at.error_codes import error_codes
from modemagent.at.results import code_of, fold_error_text, parse_final


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        ("OK", "ok", None),
        ("ERROR", "error", None),
        ("ERROR: 10", "error", None),
        ("ERROR 4", "error", None),
        ("ERROR: SIM not inserted", "error", None),
        ("PARAMETER ERROR", "error", None),
        ("+CIS ERROR: 3", "error", None),
        ("+CME ERROR: 10", "cme", 10),
        ("+CME ERROR:10", "cme", 10),
        ("+CME ERROR : 10", "cme", 10),
        ("+CME ERROR:  010", "cme", 10),
        ("+CME ERROR: 515", "cme", 515),
        ('+CME ERROR: "SIM busy"', "cme", 14),
        ("+CME ERROR: SIM not inserted", "cme", 10),
        ("+CME ERROR: sim-not-inserted", "cme", 10),
        ("+CME ERROR:No network service", "cme", 30),
        ("+CME ERROR: something new", "cme", None),
        ("+CMS ERROR: 310", "cms", 310),
        ("+CMS ERROR: (U)SIM not inserted", "cms", 310),
        ("COMMAND NOT SUPPORT", "refused", None),
        ("COMMAND UNKNOWN", "refused", None),
        ("NA", "refused", None),
        ("NO CARRIER", "call", None),
        ("BUSY", "call", None),
        ("NO ANSWER", "call", None),
        ("NO DIALTONE", "call", None),
        ("ABORTED", "call", None),
    ],
)
def test_final(line, kind, code):
    final = parse_final(line)
    assert final is not None
    assert (final.kind, final.code, final.text) == (kind, code, line)
    assert final.ok is (kind == "ok")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "OKAY",
        "ok then",
        "+CME ERROR:",
        "+CME ERROR: ",
        "+CMS ERROR:",
        "+CME ERRORS: 3",
        "ERRORS",
        "TERROR",
        '+CEER: "SIM ERROR"',
        "+CEER: Protocol ERROR",
        "0 ERROR codes",
        "NAME",
        "COMMANDER",
        "BUSY LINE",
        "0",
        "4",
    ],
)
def test_other_lines_are_not_final(line):
    assert parse_final(line) is None


def test_digits_count_only_after_atv0():
    ok, error = parse_final("0", numeric=True), parse_final("4", numeric=True)
    assert ok is not None
    assert error is not None
    assert (ok.kind, error.kind) == ("ok", "error")
    assert parse_final("7", numeric=True) is None


@pytest.mark.parametrize("kind", error_codes())
def test_every_text_leads_to_its_number(kind):
    table, others = error_codes()[kind].texts, error_codes()[kind].others
    assert all(code_of(kind, text) == code for text, code in others.items())
    assert len({fold_error_text(text) for text in table.values()}) == len(table)
    for code, text in table.items():
        assert code_of(kind, text.upper()) == code
        assert code_of(kind, str(code)) == code


@given(st.text(max_size=60))
def test_any_text_raises_nothing(line):
    parse_final(line)
    parse_final("+CME ERROR:" + line)
    parse_final(line + " ERROR " + line)
