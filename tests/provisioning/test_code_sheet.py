"""Pages of codes: printed, read by a decoder, and handled by the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from modemagent.provisioning.bench_file import ScanFrame
from modemagent.provisioning.code_sheet import codes_pdf
from modemagent.provisioning.printers import open_printer
from modemagent.provisioning.scanner_check import LabelCheck, SheetCheck
from modemagent.provisioning.scans.keyboard import CHECK_GS1, CHECK_GS1_TEXT, CHECK_TEXTS, typed_on
from tests.labels.decoders import by_zxing
from tests.labels.test_decoding import pdf_pages
from tests.provisioning.line import Line


def test_codes_are_read_from_the_pages(tmp_path: Path) -> None:
    bays = [f"{n:02}" for n in range(1, 15)]
    pages = [by_zxing(page) for page in pdf_pages(codes_pdf(bays), 200, tmp_path)]
    commands = {"MA-PRINT", "MA-RETEST", "MA-OK"}
    assert pages[0] | pages[1] == {f"MA-BAY-{bay}" for bay in bays} | commands
    assert pages[2] == {*CHECK_TEXTS, CHECK_GS1_TEXT}


@pytest.mark.parametrize(
    ("codes", "problem"),
    [
        ((*CHECK_TEXTS, CHECK_GS1), ""),
        ((*CHECK_TEXTS, f"]C1{CHECK_GS1}"), ""),
        (CHECK_TEXTS, "stdin: 1 code was not read"),
        ((typed_on("QWERTZ", CHECK_TEXTS[0]),), "keyboard layout (QWERTZ)"),
        ((*CHECK_TEXTS, CHECK_GS1.replace("\x1d", "")), "loses the separator"),
    ],
)
def test_station_check_reads_the_sheet_on_each_scanner(codes, problem) -> None:
    check = SheetCheck(["stdin"])
    said = [check.take("stdin", code) for code in codes]
    assert said[0].startswith("stdin: ")
    finding = next(check.findings())
    assert problem in finding.problem
    assert bool(finding.problem) == bool(problem)
    assert check.is_done == ("not read" not in problem)


def test_station_check_reads_a_test_label_back(tmp_path: Path) -> None:
    printer = open_printer(f"file:{tmp_path}")
    check = LabelCheck({"s1": ScanFrame("#")})
    assert check.print(printer, "imei-iccid-50x25")
    (file,) = tmp_path.glob("*.png")
    codes = by_zxing(Image.open(file))
    assert [check.take("s1", "#MA-OK")] == ["s1: this is not the test label"]
    assert [one.problem for one in check.findings()] == ["the test label was not read"]
    for code in codes:
        assert check.take("s1", f"#{code}") == "s1: the test label is right"
    assert [one.problem for one in check.findings()] == [""]
    assert check.take("s1", "#867698040000021") == "s1: its imei is not what was printed"
    broken = LabelCheck()
    assert not broken.print(open_printer("command:false"), "imei-40x20")
    assert broken.is_done


def test_the_line_shows_what_the_check_sheet_found() -> None:
    line = Line()
    line.scan(CHECK_TEXTS[0])
    last = line.view().last_scan
    assert last is not None
    assert (last.result, last.is_refused) == ("the scanner is right", False)
    line.scan(typed_on("QWERTZ", CHECK_TEXTS[0]))
    last = line.view().last_scan
    assert last is not None
    assert ("QWERTZ" in last.result, last.is_refused) == (True, True)
