"""Labels: time of a label, symbols read by two decoders at each bar width, hostile scans, frames.

The exit status is 3 if a shipped template is not read in every condition, a symbol is read with a
wrong number, or a limit is exceeded.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).parents[1]))
from modemagent.labels import raster, symbols
from modemagent.labels.fields import FIELDS, filled
from modemagent.labels.layout import DPI, lay_out
from modemagent.labels.template import parse, shipped, shipped_text
from modemagent.labels.zpl import zpl
from modemagent.provisioning.scans.shapes import parse_scan
from modemagent.provisioning.screen.page import draw_page
from modemagent.provisioning.screen.theme import DARK
from tests.labels.decoders import blurred, by_zbar, by_zxing, tilted
from tests.provisioning.scans.test_shapes import hostile
from tests.provisioning.screen.sample import VIEW

_MOST_LABEL_MS = 60.0
_MOST_FRAME_MS = 10.0
_MOST_FRAME_BYTES = 2500
#: Width of a bar and side of a square of a QR code in dots of 203 dpi.
_WIDTHS = ((1, 2), (2, 3), (3, 4))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=60, help="labels of each condition")
    parser.add_argument("--scans", type=int, default=100_000, help="hostile scans")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    chosen = parser.parse_args()
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "label_ms": _label_times(),
        "read": _reads(chosen.labels),
        "templates": _templates(chosen.labels // 10 or 1),
        "scans": _scans(chosen.scans),
        "frames": _frames(),
    }
    if chosen.as_json:
        print(json.dumps(found))
    else:
        _print(found)
    return 0 if _is_met(found) else 3


def _label_times() -> dict[str, dict[str, float]]:
    """Return the milliseconds of a label, median of 15."""
    found = {}
    for name in shipped():
        template = parse(shipped_text(name), file=name)
        for dpi in DPI:
            layout = lay_out(template, FIELDS, dpi)
            image = raster.draw(layout)
            found[f"{name} {dpi}"] = {
                "layout": _ms(lambda t=template, d=dpi: lay_out(t, FIELDS, d)),
                "raster": _ms(lambda one=layout: raster.draw(one)),
                "png": _ms(lambda one=image, d=dpi: raster.png(one, d)),
                "pdf": _ms(lambda one=image, d=dpi: raster.pdf([one], d)),
                "zpl": _ms(lambda one=layout: zpl(one)),
            }
    return found


def _ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(15):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def _reads(count: int) -> list[dict[str, Any]]:
    """Return how many Code 128 and QR codes of IMEIs are read, by bar width and condition."""
    chance = random.Random(203)
    numbers = [f"{chance.randrange(10**14, 10**15)}" for _ in range(count)]
    rows = []
    for bar, square in _WIDTHS:
        for what, image_of in (
            ("Code 128", lambda text, width=bar: _bars(text, width)),
            ("QR", lambda text, width=square: _matrix(text, width)),
        ):
            images = {number: image_of(number) for number in numbers}
            for condition, change in _CONDITIONS.items():
                seen = {number: change(image) for number, image in images.items()}
                by_first = {number: by_zxing(image) for number, image in seen.items()}
                with tempfile.TemporaryDirectory() as folder:
                    by_second = by_zbar(seen, Path(folder))
                rows.append(
                    {
                        "symbol": what,
                        "dots": bar if what == "Code 128" else square,
                        "condition": condition,
                        "labels": count,
                        "zxing": sum(number in by_first[number] for number in numbers),
                        "zbar": sum(number in by_second[number] for number in numbers),
                        "wrong": sum(
                            _is_number(text)
                            for number in numbers
                            for text in (by_first[number] | by_second[number]) - {number}
                        ),
                    }
                )
    return rows


def _is_number(text: str) -> bool:
    """Return True if the bench would take a text for an IMEI; dust may look like another code."""
    return "imei" in parse_scan(text).fields


def _bars(text: str, module: int) -> Image.Image:
    bars = symbols.code128(text).bars
    image = Image.new("1", ((len(bars) + 20) * module, 68), 1)
    for n, bar in enumerate(bars):
        left = (n + 10) * module
        image.paste(int(bar == "0"), (left, 4, left + module, 64))
    return image


def _matrix(text: str, module: int) -> Image.Image:
    rows = symbols.qr(text).rows
    side = (len(rows) + 8) * module
    image = Image.new("1", (side, side), 1)
    for y, row in enumerate(rows):
        for x, square in enumerate(row):
            if square == "1":
                left, top = (x + 4) * module, (y + 4) * module
                image.paste(0, (left, top, left + module, top + module))
    return image


def _fat(image: Image.Image) -> Image.Image:
    """Return a print that is too dark: each dot is a dot wider on each side."""
    return image.convert("L").filter(ImageFilter.MinFilter(3))


def _dusty(image: Image.Image) -> Image.Image:
    """Return a print with dead dots and specks, one in a hundred."""
    chance = random.Random(image.tobytes())
    grey = image.convert("L")
    for _ in range(grey.width * grey.height // 100):
        place = (chance.randrange(grey.width), chance.randrange(grey.height))
        grey.putpixel(place, 255 - int(grey.getpixel(place)))  # type: ignore[arg-type]
    return grey


_CONDITIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "clean": lambda image: image.convert("L"),
    "blurred": lambda image: blurred(image, 203),
    "tilted": tilted,
    "too dark": _fat,
    "dusty": _dusty,
}


def _templates(count: int) -> dict[str, dict[str, int]]:
    """Return how many labels of each shipped template are read completely by both decoders."""
    chance = random.Random(8002)
    found = {}
    for name in shipped():
        template = parse(shipped_text(name), file=name)
        codes = [each.value for each in template.elements if each.kind not in ("text", "box")]
        seen, texts = {}, {}
        for dpi in DPI:
            for n in range(count):
                values = {**FIELDS, "imei": f"{chance.randrange(10**14, 10**15)}"}
                image = raster.draw(lay_out(template, values, dpi))
                for condition in ("clean", "blurred", "tilted"):
                    change = {"blurred": lambda i, d=dpi: blurred(i, d), "tilted": tilted}
                    key = f"{dpi}_{n}_{condition}"
                    seen[key] = change.get(condition, lambda i: i)(image)
                    texts[key] = {filled(code, values) for code in codes}
        with tempfile.TemporaryDirectory() as folder:
            by_second = by_zbar(seen, Path(folder))
        bare = {
            key: {text.replace("(", "").replace(")", "") for text in each}
            for key, each in texts.items()
        }
        found[name] = {
            "labels": len(seen),
            "zxing": sum(by_zxing(image) == texts[key] for key, image in seen.items()),
            "zbar": sum(by_second[key] == bare[key] for key in seen),
        }
    return found


def _scans(count: int) -> dict[str, float]:
    start, used, longest = time.perf_counter(), 0, 0.0
    for text in hostile(count):
        before = time.perf_counter()
        scan = parse_scan(text)
        longest = max(longest, time.perf_counter() - before)
        used += bool(scan.fields)
        if not all(value.isascii() and value.isprintable() for value in scan.fields.values()):
            raise AssertionError(f"a scan left {scan.fields!r}")
    return {
        "scans": count,
        "with_numbers": used,
        "s": time.perf_counter() - start,
        "longest_ms": longest * 1000,
    }


def _frames() -> dict[str, dict[str, float]]:
    """Return time and bytes of a frame in which all seconds and one bay change."""
    found = {}
    for size in ((80, 24), (140, 40)):
        before, times, lengths = None, [], []
        for n in range(200):
            bays = list(VIEW.bays)
            bays[n % 16] = VIEW.bays[(n * 7) % 16]._replace(number=bays[n % 16].number)
            start = time.perf_counter()
            page = draw_page(VIEW._replace(now=100.0 + n, bays=tuple(bays)), size, DARK)
            lengths.append(len(page.update_from(before)))
            times.append((time.perf_counter() - start) * 1000)
            before = page
        found[f"{size[0]} x {size[1]}"] = {
            "ms": statistics.median(times),
            "first_bytes": lengths[0],
            "bytes": statistics.median(lengths[1:]),
        }
    return found


def _is_met(found: dict[str, Any]) -> bool:
    return (
        all(sum(row.values()) <= _MOST_LABEL_MS for row in found["label_ms"].values())
        and not any(row["wrong"] for row in found["read"])
        and all(row["labels"] == row["zxing"] == row["zbar"] for row in found["templates"].values())
        and all(
            row["ms"] <= _MOST_FRAME_MS and row["bytes"] <= _MOST_FRAME_BYTES
            for row in found["frames"].values()
        )
    )


def _print(found: dict[str, Any]) -> None:
    print(found["machine"])
    print(f"\n{'label':22} {'layout':>7} {'raster':>7} {'PNG':>7} {'PDF':>7} {'ZPL':>7}  ms")
    for name, row in found["label_ms"].items():
        print(f"{name:22} " + " ".join(f"{row[key]:7.2f}" for key in row))
    print("\nsymbols of IMEIs at 203 dpi, read by zxing-cpp and by zbar")
    print(f"{'symbol':9} {'dots':>4}  " + "".join(f"{name:>16}" for name in _CONDITIONS))
    rows = found["read"]
    for at in range(0, len(rows), len(_CONDITIONS)):
        group = rows[at : at + len(_CONDITIONS)]
        pairs = [f"{row['zxing']}  {row['zbar']}" for row in group]
        cells = "".join(f"{pair:>16}" for pair in pairs)
        print(f"{group[0]['symbol']:9} {group[0]['dots']:4}  {cells}")
    print(f"of {rows[0]['labels']} each; read wrong: {sum(row['wrong'] for row in rows)}")
    print(f"\n{'template, three resolutions, clean, blurred, tilted':52} labels  zxing   zbar")
    for name, row in found["templates"].items():
        print(f"{name:52} {row['labels']:6} {row['zxing']:6} {row['zbar']:6}")
    scans = found["scans"]
    print(
        f"\n{scans['scans']:.0f} hostile scans in {scans['s']:.1f} s, the longest "
        f"{scans['longest_ms']:.1f} ms; {scans['with_numbers']:.0f} had a number"
    )
    for size, row in found["frames"].items():
        print(
            f"frame {size}: {row['ms']:.1f} ms, {row['bytes']:.0f} bytes "
            f"(the first {row['first_bytes']:.0f})"
        )


if __name__ == "__main__":
    sys.exit(main())
