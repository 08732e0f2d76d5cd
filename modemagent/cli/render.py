"""From values to people's eyes: escaping, one-line errors, words for states."""

from __future__ import annotations

from modemagent.errors import ModemAgentError


def plain(text: str) -> str:
    """Return text with everything that could steer a terminal written out as an escape.

    What a modem sends is hostile until shown otherwise: control characters, ANSI sequences,
    characters that turn the writing direction and lone surrogates become ``\\x1b`` and the like.

    >>> plain("EG25\\x1b[2J")
    'EG25\\\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def one_line(failure: ModemAgentError) -> str:
    """Return an expected failure as the one line that ends a call."""
    line = f"modemagent: {plain(failure.message).rstrip('.')}."
    return f"{line} {plain(failure.hint)}" if failure.hint else line
