"""Two independent readers of bar codes: zxing-cpp and zbar."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from shutil import which

import pytest
import zxingcpp
from PIL import Image, ImageFilter

_ZBAR = "{http://zbar.sourceforge.net/2008/barcode}"


def by_zxing(image: Image.Image) -> set[str]:
    """Return the texts of all symbols; of GS1-128 with its application identifiers in brackets."""
    return {each.text for each in zxingcpp.read_barcodes(image.convert("L"))}


def by_zbar(images: dict[str, Image.Image], folder: Path) -> dict[str, set[str]]:
    """Return the texts of all symbols of each image, all read by one process."""
    if which("zbarimg") is None:
        pytest.skip("zbarimg is missing: run scripts/test-tools")
    files = {}
    for name, image in images.items():
        files[name] = folder / f"{name}.pgm"
        image.convert("L").save(files[name])
    command = ["zbarimg", "--quiet", "--xml", *map(str, files.values())]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    sources = ET.fromstring(result.stdout).iter(f"{_ZBAR}source")
    found = {
        Path(source.attrib["href"]).stem: {str(each.text) for each in source.iter(f"{_ZBAR}data")}
        for source in sources
    }
    return {name: found.get(name, set()) for name in images}


def blurred(image: Image.Image, dpi: int) -> Image.Image:
    """Return an image as a camera out of focus sees it: a blur of 0.1 mm, whatever the dpi."""
    return image.convert("L").filter(ImageFilter.GaussianBlur(0.1 * dpi / 25.4))


def tilted(image: Image.Image, degrees: float = 7) -> Image.Image:
    """Return an image turned on a white ground, as a label stuck on askew."""
    return image.convert("L").rotate(
        degrees, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC
    )
