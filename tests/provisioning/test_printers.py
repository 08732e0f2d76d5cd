"""Printers: what they receive, and what their problems become."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
from pathlib import Path

import pytest
from PIL import Image

from modemagent.errors import LabelError, ModemAgentError, SettingsError
from modemagent.labels.fields import FIELDS
from modemagent.labels.layout import LabelLayout, lay_out
from modemagent.labels.template import shipped_text
from modemagent.labels.zpl import zpl
from modemagent.provisioning import zpl_printer
from modemagent.provisioning.label_job import JobResult, LabelJob
from modemagent.provisioning.printer_status import PrinterState, parse_status
from modemagent.provisioning.printers import load_template, open_device, open_printer
from tests.labels.decoders import by_zxing
from tests.provisioning.zpl_printer_server import ZplPrinterServer


@pytest.fixture(scope="module")
def layout() -> LabelLayout:
    return lay_out(load_template("imei-62x29"), FIELDS, 203)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zpl_printer, "_STATUS_S", 0.2)
    monkeypatch.setattr(zpl_printer, "DEADLINE_S", 1.0)


def test_a_printer_with_status_confirms_each_label(layout: LabelLayout) -> None:
    with ZplPrinterServer() as server:
        printer = open_device(server.address)
        assert printer.state() == PrinterState()
        assert printer.print(layout, "label-0001")[:2] == ("printed", "")
        assert printer.print(layout, "label-0002")[:2] == ("printed", "")
    assert [each.rstrip() for each in server.labels] == [zpl(layout).rstrip()] * 2


def test_a_printer_without_paper_receives_no_label(layout: LabelLayout) -> None:
    with ZplPrinterServer(paper=1) as server:
        printer = open_device(server.address)
        # the last label of a roll may be a torn one
        assert printer.print(layout, "1") == JobResult("unconfirmed")
        assert printer.print(layout, "2") == JobResult("failed", "no paper")
        assert str(printer.state()) == "no paper"
        server.is_head_open = True
        assert printer.print(layout, "2") == JobResult("failed", "no paper, head open")
        assert (len(server.labels), server.pending) == (1, [])
        server.is_head_open, server.paper = False, 9
        assert printer.print(layout, "2")[:2] == ("printed", "")


def test_paper_that_ends_after_sending_is_unconfirmed(layout: LabelLayout) -> None:
    with ZplPrinterServer() as server:
        server.work = lambda: setattr(server, "paper", 0)  # type: ignore[method-assign]
        result = open_device(server.address).print(layout, "1")
    assert result == JobResult("unconfirmed")
    assert len(server.pending) == 1


@pytest.mark.parametrize("status", ["none", "garbled"])
def test_a_label_without_status_is_unconfirmed(
    status: str, layout: LabelLayout, short_waits: None
) -> None:
    with ZplPrinterServer(status=status) as server:
        printer = open_device(server.address)
        assert printer.state() is None
        assert printer.print(layout, "1") == JobResult("unconfirmed")
        open_device(server.address).state()  # the server has read all that came before
    assert len(server.labels) == 1


def test_silence_of_a_printer_that_had_answered_is_a_problem(
    layout: LabelLayout, short_waits: None
) -> None:
    with ZplPrinterServer(paper=1, status="unless_error") as server:
        printer = open_device(server.address)
        assert printer.print(layout, "1") == JobResult("unconfirmed")
        assert printer.print(layout, "2") == JobResult("failed", "no answer: paper, head?")
        assert printer.print(layout, "2").status == "failed"
        server.paper = 5
        assert printer.print(layout, "2")[:2] == ("printed", "")
    assert len(server.labels) == 2


def test_an_unreachable_printer_fails(layout: LabelLayout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    result = open_device(f"tcp://127.0.0.1:{port}").print(layout, "1")
    assert result == JobResult("failed", "connection refused")
    assert open_device("tcp://a..b").print(layout, "1") == JobResult("failed", "invalid host name")


def test_a_device_file_receives_the_label(layout: LabelLayout, short_waits: None) -> None:
    controller, device = os.openpty()
    try:
        os.set_blocking(controller, False)
        result = open_device(os.ttyname(device)).print(layout, "1")
        assert result.status == "unconfirmed"
        received = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                received += os.read(controller, 65536)
    finally:
        os.close(controller)
        os.close(device)
    assert b"^XA" in received
    assert open_device("/dev/usb/lp99").print(layout, "1").status == "failed"


def test_a_command_receives_zpl_or_a_file(layout: LabelLayout, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    script = f"import sys; open({str(copy)!r}, 'wb').write(sys.stdin.buffer.read())"
    printer = open_device(f'command:{sys.executable} -c "{script}"')
    assert printer.print(layout, "1") == JobResult("unconfirmed")
    assert copy.read_bytes() == zpl(layout)
    assert open_device(f"command:cp {{png}} {copy}").print(layout, "1").status == "unconfirmed"
    with Image.open(copy) as image:
        assert (image.size, image.format) == ((layout.width, layout.height), "PNG")
    assert open_device(f"command:cp {{pdf}} {copy}").print(layout, "1").status == "unconfirmed"
    assert copy.read_bytes().startswith(b"%PDF")
    failing = open_device("command:sh -c 'echo out of labels >&2; exit 1'")
    assert failing.print(layout, "1") == JobResult("failed", "out of labels")
    missing = open_device("command:/no/such/program").print(layout, "1")
    assert missing == JobResult("failed", "program: No such file or direc")


def test_a_directory_receives_png_files(layout: LabelLayout, tmp_path: Path) -> None:
    printer = open_device(f"file:{tmp_path}/labels")
    assert printer.print(layout, "label-0001")[:2] == ("printed", "")
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["label-0001.png"]
    with Image.open(tmp_path / "labels" / "label-0001.png") as image:
        assert FIELDS["imei"] in by_zxing(image)
    (tmp_path / "occupied").write_text("")
    failed = open_device(f"file:{tmp_path}/occupied").print(layout, "label-0001")
    assert failed.status == "failed"


def test_pages_of_a_sheet_are_complete_after_each_label(tmp_path: Path) -> None:
    template = load_template("sheet-a4-3x8")
    (tmp_path / "labels-001.pdf").write_bytes(b"of an earlier run")
    printer = open_device("sheet:A4-3x8", folder=tmp_path)
    label = lay_out(template, {"imei": FIELDS["imei"]}, 203)
    sizes = []
    for n in range(25):
        assert printer.print(label, str(n))[:2] == ("printed", "")
        sizes.append({path.name: path.stat().st_size for path in tmp_path.glob("*.pdf")})
    assert sorted(sizes[-1]) == ["labels-001.pdf", "labels-002.pdf", "labels-003.pdf"]
    assert sizes[0]["labels-002.pdf"] < sizes[22]["labels-002.pdf"]
    assert (tmp_path / "labels-001.pdf").read_bytes() == b"of an earlier run"
    wide = tmp_path / "wide.toml"
    wide.write_text(shipped_text("imei-62x29").replace("width = 62", "width = 70"))
    with pytest.raises(LabelError, match="labels of sheet A4-3x8"):
        open_printer("sheet:A4-3x8", folder=tmp_path).prepare(str(wide))


@pytest.mark.parametrize(
    "address",
    ["", "lp0", "tcp://", "tcp://host:0", "tcp://host:65536", "tcp://h/x", "cups:", "command:",
     "command:'", "file:", "sheet:", "sheet:A5", "http://host"],
)  # fmt: skip
def test_wrong_addresses_are_refused_with_the_right_forms(address: str) -> None:
    with pytest.raises(ModemAgentError) as wrong:
        open_device(address)
    assert isinstance(wrong.value, SettingsError | LabelError)
    assert wrong.value.hint


def test_template_files_are_read_by_their_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("width = 1\n")
    with pytest.raises(LabelError, match=r"mine\.toml, line 1: width must be"):
        load_template(str(file))
    file.write_bytes(b"\xff")
    with pytest.raises(LabelError, match="not UTF-8"):
        load_template(str(file))
    with pytest.raises(LabelError, match="cannot read the label template"):
        load_template(str(tmp_path / "none.toml"))


def test_jobs_of_the_bench_are_laid_out_and_named_by_number(tmp_path: Path) -> None:
    printer = open_printer(f"file:{tmp_path}", dpi=300)
    fields = {"imei": FIELDS["imei"], "n": "7", "copy": "2", "lot": ""}
    assert printer.send(LabelJob("gs1-62x29", fields))[:2] == ("printed", "")
    with Image.open(tmp_path / "label-0007-copy2.png") as image:
        assert by_zxing(image) == {f"(8002){FIELDS['imei']}"}
    assert printer.status() == ""
    result = printer.send(LabelJob("gs1-62x29", {"imei": "8" * 40}))
    assert result.status == "refused"
    assert "(8002) needs 1 to 20 characters" in result.problem
    with pytest.raises(LabelError):
        printer.print(LabelJob("unknown", fields))


def test_the_state_of_a_printer_is_one_text() -> None:
    with ZplPrinterServer(paper=0) as server:
        assert open_printer(server.address).status() == "no paper"


def test_cut_or_damaged_status_is_not_a_state() -> None:
    whole = (
        b"\x02030,1,1,0232,002,1,0,0,000,1,1,1\x03\r\n"
        b"\x02000,0,1,1,1,2,6,1,00000003,1,000\x03\r\n\x020000,0\x03\r\n"
    )
    state = parse_status(whole)
    assert state is not None
    assert state.waiting == 5
    assert len(state.problems) == 9
    for end in range(len(whole) - 3):
        assert parse_status(whole[:end]) is None
    chance = random.Random(9100)
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        parse_status(bytes(damaged))
        parse_status(chance.randbytes(90))
