"""Structured log: one line per event on stderr, with every identifier masked.

Components receive a :class:`Log`. Only :func:`open_log`, called by the daemon, imports structlog.
Event names are in snake case, with fields: text on a terminal, JSON lines elsewhere.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, MutableMapping
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

from modemagent.privacy.fragments import join_fragments
from modemagent.privacy.masking import mask, mask_text

if TYPE_CHECKING:
    from structlog.types import Processor

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log(Protocol):
    """The interface of a log."""

    def debug(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...
    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...


class NullLog:
    """A log that discards all events, for one-shot commands, which print errors to the user."""

    def debug(self, event: str, **fields: Any) -> None: ...
    def info(self, event: str, **fields: Any) -> None: ...
    def warning(self, event: str, **fields: Any) -> None: ...
    def error(self, event: str, **fields: Any) -> None: ...


#: Fields that hold numbers of modemagent, never of a subscriber: their digits are not masked.
_UNMASKED = frozenset({"timestamp", "level", "stream_id", "report_id"})


def mask_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask identifiers in every field of an event: values, wire traces and error texts."""
    for key, value in event.items():
        if key not in _UNMASKED:
            event[key] = _masked(value)
    return event


def _masked(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        text = mask_text(str(value))
        return value if text == str(value) else text
    if isinstance(value, str):
        return _printable(mask_text(value))
    if isinstance(value, bytes | bytearray):
        return _printable(mask_text(bytes(value).decode("ascii", "backslashreplace")))
    if isinstance(value, dict):
        return {_printable(mask_text(str(key))): _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        # a number with one digit per element is recognized only in the whole list
        whole = str([*value])
        return (
            [_masked(inner) for inner in value]
            if join_fragments(whole, mask) == whole
            else _printable(mask_text(whole))
        )
    return _printable(mask_text(str(value)))


def _printable(text: str) -> str:
    """Escape control characters: text from modems is logged too."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


class Throttle:
    """Limits repeated warnings to a few per minute and counts the rest.

    The next one that passes carries the number of those left out in the field ``left_out``.
    Warnings that differ only in numeric fields count as the same.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[object, ...], list[float]] = {}
        # the courier and others have threads of their own; reentrant, because the destructor of an
        # object may log in the middle of another warning
        self._lock = RLock()

    def __call__(
        self, _: Any, name: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any] | None:
        """Return the event, None if it is left out."""
        if LEVELS.get(name, 0) < LEVELS["warning"]:
            return event
        now = self._clock()
        key = tuple(sorted((k, v) for k, v in event.items() if isinstance(v, str)))
        with self._lock:
            started, count, left_out = self._seen.get(key) or (now, 0, 0)
            if now - started >= _MINUTE_S:
                started, count = now, 0
            passes = count < _PER_MINUTE
            self._seen.pop(key, None)
            self._seen[key] = [started, count + 1, 0 if passes else left_out + 1]
            while len(self._seen) > _MAX_WARNINGS:
                del self._seen[next(iter(self._seen))]
        if not passes:
            return None
        if left_out:
            event["left_out"] = int(left_out)
        return event


_MINUTE_S = 60.0
_PER_MINUTE = 5
#: Number of different warnings counted at a time.
_MAX_WARNINGS = 256


class _LossyStream:
    """A stream that discards what cannot be written, on a full disk or to a closed pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def open_log(
    level: str = "info", *, stream: TextIO | None = None, color: bool | None = None
) -> Log:
    """Configure structlog and return the daemon's log.

    :param level: ``debug``, ``info``, ``warning`` or ``error``
    :param color: None for colours on a terminal; other streams get JSON lines
    """
    # 60 ms if rich is installed, which structlog imports as well
    import structlog

    out = sys.stderr if stream is None else stream
    terminal = out.isatty()
    last: list[Processor]
    if terminal:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=terminal if color is None else color,
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    else:
        last = [structlog.processors.JSONRenderer()]
    throttle = Throttle()

    def throttled(logger: Any, name: str, event: MutableMapping[str, Any]) -> Any:
        if throttle(logger, name, event) is None:
            raise structlog.DropEvent
        return event

    structlog.configure(
        processors=[
            throttled,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask_fields,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", _LossyStream(out))),
        cache_logger_on_first_use=True,
    )
    log: Log = structlog.get_logger()
    return log
