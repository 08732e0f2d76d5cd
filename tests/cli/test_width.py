"""Text fits the screen and is wrapped at words; a pipe gets whole lines."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from modemagent.cli import output
from modemagent.cli.explain import command
from modemagent.cli.output import paragraph, table

#: The widest rows of status and list.
STATUS = [
    ("PORT", "STATE", "MODEM", "IMEI", "ICCID"),
    ("/dev/ttyUSB12", "identifying", "Sierra Wireless, Incorporated EM7455B", "867698040000013",
     "8988303000000000010"),
]  # fmt: skip
LIST = [
    ("/dev/ttyUSB12", "usb:1-1.4.2.3:1.12", "qcserial", "unknown",
     "held by ModemManager (pid 123456)"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "indent"), [(STATUS, 0), (LIST, 2)])
def test_table_fits_80_columns(monkeypatch: pytest.MonkeyPatch, rows: object, indent: int) -> None:
    monkeypatch.setattr(output, "screen_width", lambda: 80)
    text = table(rows, indent=indent)  # type: ignore[arg-type]
    assert max(map(len, text.splitlines())) <= 80
    for row in rows:  # type: ignore[attr-defined]
        for word in " ".join(row).split():
            assert word in text


def test_pipe_gets_whole_lines() -> None:
    assert len(table(STATUS).splitlines()) == 2
    assert paragraph("  SIM  ", "word " * 40).count("\n") == 0


def test_paragraph_has_a_hanging_indent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "screen_width", lambda: 80)
    first, *others = paragraph("  SIM  ", "word " * 40).splitlines()
    assert len(first) <= 80
    assert others and all(line.startswith("       word") and len(line) <= 80 for line in others)


def test_explanations_fit_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "screen_width", lambda: 80)
    result = CliRunner().invoke(command, ["EMM 15", "+CPIN: PH-NET PIN"])
    assert "remedy: No cell of this area" in result.output
    assert max(map(len, result.output.splitlines())) <= 80
