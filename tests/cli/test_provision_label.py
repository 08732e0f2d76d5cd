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
