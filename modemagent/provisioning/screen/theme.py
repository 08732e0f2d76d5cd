"""Colours of the screen. States differ in word and brightness as well, not by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from modemagent.provisioning.attempt import BayState


class Tone(StrEnum):
    """What a tile means to a person at two metres."""

    GOOD = "good"
    WAIVED = "waived"
    BAD = "bad"
    HELD = "held"
    PERSON = "person"
    DONE = "done"
    BUSY = "busy"
    IDLE = "idle"


TONES: Final[Mapping[BayState, Tone]] = {
    BayState.WAITING: Tone.IDLE,
    BayState.BOOTING: Tone.BUSY,
    BayState.READING: Tone.BUSY,
    BayState.SCANNING: Tone.PERSON,
    BayState.CHECKING: Tone.BUSY,
    BayState.REGISTERING: Tone.BUSY,
    BayState.PRINTING: Tone.BUSY,
    BayState.VERIFYING: Tone.PERSON,
    BayState.HOLD: Tone.HELD,
    BayState.PASS: Tone.GOOD,
    BayState.WAIVED: Tone.WAIVED,
    BayState.FAIL: Tone.BAD,
    BayState.ABORTED: Tone.IDLE,
    BayState.DONE: Tone.DONE,
}
#: What surrounds the word of a tone: on a terminal without colours it replaces them.
SIGNS: Final[Mapping[Tone, tuple[str, str]]] = {
    Tone.GOOD: ("##", "##"),
    Tone.WAIVED: ("~~", "~~"),
    Tone.BAD: ("**", "**"),
    Tone.HELD: ("==", "=="),
    Tone.PERSON: (">>", "<<"),
    Tone.DONE: ("=", "="),
    Tone.BUSY: ("", ""),
    Tone.IDLE: ("", ""),
}


class Theme(NamedTuple):
    """Parameters of SGR sequences.

    :param tiles: of a tile by its tone
    :param strong: what makes a text on a tile or the page stronger
    :param has_colours: without them tiles have frames
    """

    tiles: Mapping[Tone, str]
    page: str
    faint: str
    strong: str
    alert: str
    has_colours: bool = True


#: 256 colours, background and text, of which every pair has a contrast of at least 4.5.
_COMMON: Final = {
    Tone.GOOD: "48;5;77;38;5;16",
    Tone.WAIVED: "48;5;92;38;5;231",
    Tone.BAD: "48;5;124;38;5;231",
    Tone.HELD: "48;5;214;38;5;16",
    Tone.PERSON: "48;5;87;38;5;16",
    Tone.DONE: "48;5;25;38;5;231",
}
DARK: Final = Theme(
    {**_COMMON, Tone.BUSY: "48;5;238;38;5;255", Tone.IDLE: "48;5;235;38;5;250"},
    page="",
    faint="38;5;247",
    strong="1",
    alert="1;38;5;214",
)
LIGHT: Final = Theme(
    {**_COMMON, Tone.BUSY: "48;5;252;38;5;16", Tone.IDLE: "48;5;255;38;5;240"},
    page="",
    faint="38;5;240",
    strong="1",
    alert="1;38;5;124",
)
#: Eight colours: a text console, an old terminal.
EIGHT: Final = Theme(
    {
        Tone.GOOD: "42;30",
        Tone.WAIVED: "45;37;1",
        Tone.BAD: "41;37;1",
        Tone.HELD: "43;30",
        Tone.PERSON: "46;30",
        Tone.DONE: "44;37;1",
        Tone.BUSY: "47;30",
        Tone.IDLE: "",
    },
    page="",
    faint="",
    strong="1",
    alert="1",
)
MONOCHROME: Final = Theme(
    {
        Tone.GOOD: "",
        Tone.WAIVED: "",
        Tone.BAD: "7;1",
        Tone.HELD: "7",
        Tone.PERSON: "1",
        Tone.DONE: "",
        Tone.BUSY: "",
        Tone.IDLE: "",
    },
    page="",
    faint="",
    strong="1",
    alert="1",
    has_colours=False,
)


def theme_for(environ: Mapping[str, str], *, has_colours: bool = True) -> Theme:
    """Return the theme for a terminal, by TERM, COLORTERM and COLORFGBG.

    >>> theme_for({"TERM": "xterm-256color"}) is DARK
    True
    >>> theme_for({"TERM": "xterm-256color", "COLORFGBG": "0;15"}) is LIGHT
    True
    >>> theme_for({"TERM": "linux"}) is EIGHT
    True
    """
    term = environ.get("TERM", "")
    if not has_colours or environ.get("NO_COLOR") or term in ("", "dumb", "vt100", "vt220"):
        return MONOCHROME
    if "256" not in term and not environ.get("COLORTERM") and "direct" not in term:
        return EIGHT
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT if background in ("7", "15") else DARK
