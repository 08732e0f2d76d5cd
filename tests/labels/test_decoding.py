"""Printed labels are read by two decoders: at every resolution, blurred, askew, and from PDF."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from shutil import which

import pytest
from PIL import Image

from modemagent.labels import raster, sheets
from modemagent.labels.fields import FIELDS, filled
from modemagent.labels.layout import DPI, lay_out
from modemagent.labels.symbols import code128
from modemagent.labels.template import Template, parse, shipped, shipped_text
from tests.labels.decoders import blurred, by_zbar, by_zxing, tilted

TEMPLATES = [parse(shipped_text(name), file=f"{name}.toml") for name in shipped()]


def expected(template: Template) -> set[str]:
    """Return the texts of the symbols of a template."""
    codes = [each for each in template.elements if each.kind not in ("text", "box")]
    return {filled(each.value, FIELDS) for each in codes}


def without_brackets(texts: set[str]) -> set[str]:
    """Return texts as zbar returns GS1-128: application identifiers without brackets."""
    return {each.replace("(", "").replace(")", "") for each in texts}


def pdf_pages(data: bytes, dpi: int, folder: Path, *, height: float = 297) -> list[Image.Image]:
    """Return the pages of a PDF file, of each the upper ``height`` millimetres."""
    if which("pdftoppm") is None:
        pytest.skip("pdftoppm is missing: run scripts/test-tools")
    (folder / "labels.pdf").write_bytes(data)
    lines = str(round(height * dpi / 25.4))
    command = ["pdftoppm", "-gray", "-r", str(dpi), "-H", lines, "labels.pdf", "page"]
    subprocess.run(command, cwd=folder, check=True)
    return [Image.open(path) for path in sorted(folder.glob("page*.pgm"))]


def test_every_shipped_template_is_read_in_every_condition(tmp_path: Path) -> None:
    images, texts = {}, {}
    for template in TEMPLATES:
        for dpi in DPI:
            image = raster.draw(lay_out(template, FIELDS, dpi))
            for condition, seen in (
                ("clean", image),
                ("blurred", blurred(image, dpi)),
                ("tilted", tilted(image)),
            ):
                name = f"{template.name}_{dpi}_{condition}"
                images[name], texts[name] = seen, expected(template)
    assert {name: by_zxing(image) for name, image in images.items()} == texts
    by_second = by_zbar(images, tmp_path)
    assert by_second == {name: without_brackets(each) for name, each in texts.items()}


@pytest.mark.parametrize(("dpi", "used", "count"), [(203, 2, 26), (300, 22, 5), (600, 0, 3)])
def test_a_sheet_is_read_from_its_pdf(dpi: int, used: int, count: int, tmp_path: Path) -> None:
    template = next(each for each in TEMPLATES if each.name == "sheet-a4-3x8")
    numbers = [f"{n:015d}" for n in random.Random(dpi).sample(range(10**15), count)]
    labels = [raster.draw(lay_out(template, FIELDS | {"imei": number}, dpi)) for number in numbers]
    made = list(sheets.pages(labels, sheets.sheet("A4-3x8"), dpi, used=used))
    height = 50 if count == 3 else 297
    pages = pdf_pages(raster.pdf(made, dpi), dpi, tmp_path, height=height)
    found = [by_zxing(page) for page in pages]
    first = min(count, 24 - used)
    assert [len(each) for each in found] == [2 * n for n in (first, count - first) if n]
    bare = {text for each in found for text in each if text.isdigit()}
    assert bare == set(numbers)
    by_second = by_zbar({str(n): page for n, page in enumerate(pages)}, tmp_path)
    assert {text for each in by_second.values() for text in each if text.isdigit()} == bare


def test_an_imei_of_a_dual_mode_device_keeps_its_99(tmp_path: Path) -> None:
    template = next(each for each in TEMPLATES if each.name == "imei-iccid-50x25")
    imei = "990000862471854"
    image = raster.draw(lay_out(template, {"imei": imei}, 203))
    assert by_zxing(image) == {imei}
    assert by_zbar({"label": image}, tmp_path) == {"label": {imei}}


def test_any_printable_text_is_read_back_from_code128() -> None:
    chance = random.Random(128)
    signs = [chr(each) for each in range(32, 127)]
    for _ in range(150):
        alphabet = chance.choice((signs, "0123456789", "0123456789A^~>", "09"))
        text = "".join(chance.choices(alphabet, k=chance.randrange(1, 24)))
        bars = code128(text).bars
        image = Image.new("1", (2 * (len(bars) + 20), 60), 1)
        for n, bar in enumerate(bars):
            image.paste(int(bar == "0"), (2 * n + 20, 8, 2 * n + 22, 52))
        assert by_zxing(image) == {text}
