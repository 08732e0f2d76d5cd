"""Sources of scans and acts: lines of stdin, of a FIFO, or of a scanner at a serial port.

A line of JSON is an act or a scan, ``{"scan": "..."}``; any other line is a scan. From a serial
port and from a terminal, where scanners type, every line is a scan.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress

from modemagent.errors import ModemAgentError, UsageError
from modemagent.logs import Log
from modemagent.provisioning.events import CodeScanned, Happening, PersonActed
from modemagent.provisioning.scans.shapes import LONGEST

#: The same code again within this time is a bounce of the scanner.
BOUNCE_S = 1.5
#: An end within this time after another one belongs to it: scanners send CR LF.
_END_S = 0.2
_REOPEN_S = 2.0
#: What an act may have besides its name.
_FIELDS = ("bay", "step", "person", "reason", "pin", "lot", "second", "second_pin")
_ENDS = b"\r\n\t"

Post = Callable[[Happening], None]


def event_of(line: str, source: str) -> Happening | None:
    """Return the event of a line, None for an empty one.

    :raises UsageError: the line is JSON and not an act
    """
    text = line.strip()
    if not text:
        return None
    if not text.startswith("{"):
        return CodeScanned(source, text)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return CodeScanned(source, text)  # a two-dimensional code may begin with a bracket
    if isinstance(document.get("scan"), str):
        return CodeScanned(str(document.get("source", source)), document["scan"][:LONGEST])
    if not isinstance(document.get("do"), str):
        raise UsageError("a line needs scan or do", hint='Example: {"do": "retest", "bay": "03"}')
    fields = {key: str(document.get(key) or "") for key in _FIELDS}
    return PersonActed(document["do"], **fields)


def scan_of(line: str, source: str) -> Happening | None:
    """Return the scan of a line: a label that contains the JSON of an act is a scan like others."""
    text = line.strip()
    return CodeScanned(source, text) if text else None


def _is_scanner(name: str) -> bool:
    """Return True if nothing but scans comes from a source: no program writes to it."""
    return name.startswith("serial:") or (name == "stdin" and os.isatty(0))


class Bounces:
    """Recognizes a code that a scanner sends twice for one trigger."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, float]] = {}

    def is_bounce(self, source: str, text: str, now: float) -> bool:
        """Return True if a source has just sent the same code."""
        before, at = self._last.get(source, ("", 0.0))
        self._last[source] = (text, now)
        return text == before and now - at < BOUNCE_S


class ScanSources:
    """Threads that read the sources and post their events to the loop.

    :param on_error: receives a line that is wrong, with the reason
    :param on_end: called when stdin has ended
    """

    def __init__(
        self,
        post: Post,
        log: Log,
        on_error: Callable[[ModemAgentError], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._post = post
        self._log = log
        self._on_error = on_error
        self._on_end = on_end
        self._bounces = Bounces()
        self._line_at: dict[str, float] = {}
        self._loop = asyncio.get_running_loop()

    def start(self, name: str) -> None:
        """Start to read a source: ``stdin``, ``fifo:PATH`` or ``serial:PATH``.

        :raises UsageError: the kind of the source is not known
        """
        kind, _, path = name.partition(":")
        readers: dict[str, Callable[[], Iterator[bytes]]] = {
            "stdin": lambda: _chunks(0),
            "fifo": lambda: _fifo(path),
            "serial": lambda: _serial(path),
        }
        if kind not in readers:
            raise UsageError(f"unknown scanner {name!r}", hint="Use stdin, fifo:PATH, serial:PATH.")
        threading.Thread(
            target=self._read, args=(name, readers[kind]), name=f"scans {name}", daemon=True
        ).start()

    def _read(self, name: str, chunks: Callable[[], Iterator[bytes]]) -> None:
        while True:
            try:
                for line in _split(chunks()):
                    self._loop.call_soon_threadsafe(self._on_line, name, line)
            except RuntimeError:
                return  # the loop has ended
            except (OSError, ModemAgentError) as error:
                self._log.warning("scanner_lost", source=name, reason=str(error))
            if name == "stdin":
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._on_end)
                return
            time.sleep(_REOPEN_S)

    def _on_line(self, name: str, line: str) -> None:
        try:
            event = scan_of(line, name) if _is_scanner(name) else event_of(line, name)
        except ModemAgentError as error:
            self._on_error(error)
            return
        now = time.monotonic()
        before, self._line_at[name] = self._line_at.get(name, now - BOUNCE_S), now
        if event is None and now - before > _END_S:
            self._on_error(UsageError("the scan is empty", hint="Scan it again."))
        if isinstance(event, CodeScanned) and self._bounces.is_bounce(name, event.text, now):
            return
        if event is not None:
            self._post(event)


def _split(chunks: Iterator[bytes]) -> Iterator[str]:
    """Yield lines; a longer one than any scan is cut."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        for end in _ENDS[1:]:
            rest = rest.replace(bytes((end,)), _ENDS[:1])
        *lines, rest = rest.split(_ENDS[:1])
        yield from (line.decode("utf-8", "replace") for line in lines)
        rest = rest[-8 * LONGEST :]
    if rest:
        yield rest.decode("utf-8", "replace")


def _chunks(descriptor: int) -> Iterator[bytes]:
    while data := os.read(descriptor, 4096):
        yield data


def _fifo(path: str) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield from _chunks(descriptor)
    finally:
        os.close(descriptor)


def _serial(path: str) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        tty.setraw(descriptor)  # no echo, bytes as they are: GS separates the parts of a GS1 code
        yield from _chunks(descriptor)
    finally:
        os.close(descriptor)
