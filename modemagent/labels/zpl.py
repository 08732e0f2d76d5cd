"""Layout to ZPL II, with the printer's own bar codes and font.

Code 128 is sent as invocation codes, so that the printer chooses no code sets of its own and the
symbol is as wide as laid out. Every other byte of a value that could be part of a command is
written in hexadecimal (``^FH``): no value begins a command.
"""

from __future__ import annotations

from typing import Final

from modemagent.labels.layout import (
    LabelLayout,
    PlacedBars,
    PlacedBox,
    PlacedMatrix,
    PlacedText,
)
from modemagent.labels.symbols import CODE_B, CODE_C, FNC1, QR_LEVEL, START_B, START_C

#: Invocation codes of ^BC (ZPL II Programming Guide, table of Code 128 invocation characters).
_INVOCATIONS: Final = {CODE_C: ">5", CODE_B: ">6", FNC1: ">8", START_B: ">:", START_C: ">;"}
#: Characters of code set B that ^BC writes as invocation codes.
_SIGNS_OF_B: Final = {">": ">0", "^": "><", "~": ">="}
#: Bytes of a value that are sent as they are; all others in hexadecimal.
_PLAIN: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:;<=>/()+-*#@"
)
#: Font 0 has no space above its capitals, and larger ones: with these its capitals are where those
#: of the raster are, and a line is not wider than it was measured.
_FONT_SCALE: Final = 0.84
_FONT_TOP: Final = 0.16
_JUSTIFIED: Final = {"left": "L", "center": "C", "right": "R"}


def zpl(layout: LabelLayout) -> bytes:
    """Return the commands that print one label."""
    lines = [
        "^XA",
        "^CI28",  # texts are UTF-8
        "^LH0,0^LT0^PON^FWN",  # origin and direction may be left from another program
        f"^PW{layout.width}^LL{layout.height}",
    ]
    for shape in layout.shapes:
        match shape:
            case PlacedText():
                lines.append(_text(shape))
            case PlacedBars():
                lines.append(_bars(shape))
            case PlacedMatrix():
                lines.append(_matrix(shape))
            case PlacedBox(x, y, width, height, thickness):
                lines.append(f"^FO{x},{y}^GB{width},{height},{thickness}^FS")
    lines += ["^XZ", ""]
    return "\n".join(lines).encode("ascii")


def _text(shape: PlacedText) -> str:
    height = round(shape.height * _FONT_SCALE)
    top = shape.y + round(shape.height * _FONT_TOP)
    # in a block, a backslash and & end a line
    is_block = shape.align != "left" and "\\" not in shape.text
    block = f"^FB{shape.width},1,0,{_JUSTIFIED[shape.align]}" if is_block else ""
    return f"^FO{shape.x},{top}^A0N,{height},{height}{block}{_data(shape.text)}"


def _bars(shape: PlacedBars) -> str:
    place = f"^FO{shape.x},{shape.y}^BY{shape.module},3,{shape.height}"
    data = _data(invocation(shape.symbol.codes))
    return f"{place}^BCN,{shape.height},N,N,N,N{data}"


def _matrix(shape: PlacedMatrix) -> str:
    # printers place a QR code lower by the height of the last ^BY: it is set to one dot
    place = f"^BY2,3,1^FO{shape.x},{max(0, shape.y - 1)}"
    return f"{place}^BQN,2,{shape.module},{QR_LEVEL},7{_data(f'{QR_LEVEL}A,{shape.symbol.text}')}"


def invocation(codes: tuple[int, ...]) -> str:
    """Return the code values of Code 128 as the field data of ^BC.

    >>> invocation((105, 86, 76, 100, 62))
    '>;8676>6><'
    """
    parts, in_c = list[str](), False
    for code in codes:
        if code in _INVOCATIONS:
            parts.append(_INVOCATIONS[code])
            in_c = in_c if code == FNC1 else code in (CODE_C, START_C)
        elif in_c:
            parts.append(f"{code:02d}")
        else:
            sign = chr(code + 32)
            parts.append(_SIGNS_OF_B.get(sign, sign))
    return "".join(parts)


def _data(text: str) -> str:
    """Return a field with its data; ``_`` begins a byte in hexadecimal."""
    escaped = "".join(chr(b) if b in _PLAIN else f"_{b:02X}" for b in text.encode("utf-8"))
    return f"^FH_^FD{escaped}^FS"
