"""provision label: one label without a module or an order."""

import json

from PIL import Image

from tests.labels.decoders import by_zxing

IMEI = "867698040000013"


def test_a_label_is_written_as_a_file(call, tmp_path):
    done = call("provision", "label", "--imei", IMEI[:14], "--printer", f"file:{tmp_path}")
    assert (done.returncode, done.stdout) == (0, f"written: {tmp_path}/label.png\n")
    with Image.open(tmp_path / "label.png") as image:
        assert by_zxing(image) == {IMEI, f"IMEI:{IMEI}"}


def test_the_page_of_a_sheet_is_named(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("--sample", "--template", "imei-62x29", "--printer", "sheet:A4-3x8")
    for number in ("001", "002"):
        done = call("provision", "label", *words)
        assert (done.returncode, done.stdout) == (0, f"written: labels-{number}.pdf\n")
        assert (tmp_path / f"labels-{number}.pdf").exists()


def test_templates_are_listed(call):
    listed = json.loads(call("provision", "label", "--list", "--json").stdout)["templates"]
    assert {"name": "qr-25x25", "width_mm": 25.0, "height_mm": 25.0, "needs": ["imei"]} in listed


def test_a_printer_that_is_away_is_4(call):
    done = call("provision", "label", "--imei", IMEI, "--printer", "/dev/usb/lp99")
    assert done.returncode == 4
    assert "no such file" in done.stderr


def test_values_that_do_not_fit_are_2(call, tmp_path):
    printer = f"file:{tmp_path}"
    for values in ([], ["--imei", "867698040000014"], ["--imei", IMEI, "--serial", "x" * 80]):
        done = call("provision", "label", "--printer", printer, *values)
        assert done.returncode == 2, values
    assert not list(tmp_path.iterdir())
