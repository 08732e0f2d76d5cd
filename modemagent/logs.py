"""Logs: one line an event to stderr, with every identifier masked.

Whoever logs takes a :class:`Log`; only :func:`open_log`, called by the daemon, imports structlog.
Events are named in snake case, with fields; people read them on a terminal, machines as JSON.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, MutableMapping
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from modemagent.privacy.fragments import join_fragments
from modemagent.privacy.masking import mask, mask_text

if TYPE_CHECKING:
    from structlog.types import Processor

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log(Protocol):
    """What a module needs of a log."""

    def debug(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...
    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...


class NullLog:
    """A log that keeps nothing: for one-shot commands, whose errors go to the user instead."""

    def debug(self, event: str, **fields: Any) -> None: ...
    def info(self, event: str, **fields: Any) -> None: ...
    def warning(self, event: str, **fields: Any) -> None: ...
    def error(self, event: str, **fields: Any) -> None: ...


# The keys of fields that hold numbers of ours, never a subscriber's; a digit run in them stays.
_OURS = frozenset({"timestamp", "level", "stream_id", "report_id", "set_aside"})


def mask_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask identifiers in every field of one event: values, wire trace and error texts alike."""
    for key, value in event.items():
        if key not in _OURS:
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
        # digits of one number, an element each, are seen only from the whole list
        whole = str([*value])
        return (
            [_masked(inner) for inner in value]
            if join_fragments(whole, mask) == whole
            else _printable(mask_text(whole))
        )
    return _printable(mask_text(str(value)))


def _printable(text: str) -> str:
    """Escape what a terminal obeys; what a modem says gets into logs too."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


class Throttle:
    """Lets a warning that says the same again through a few times a minute, and counts the rest.

    The next one that is let through says how many were left out, as ``left_out``. Numbers in its
    fields do not make a warning another one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[object, ...], list[float]] = {}
        # the courier and others have threads of their own; what fails as an object ends may be told
        # in the middle of another warning
        self._lock = RLock()

    def __call__(
        self, _: Any, name: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any] | None:
        """Return the event, None for one that is to be left out."""
        if LEVELS.get(name, 0) < LEVELS["warning"]:
            return event
        now = self._clock()
        key = tuple(sorted((k, v) for k, v in event.items() if isinstance(v, str)))
        with self._lock:
            begun, count, left_out = self._seen.get(key) or (now, 0, 0)
            if now - begun >= _MINUTE_S:
                begun, count = now, 0
            let_through = count < _A_MINUTE
            self._seen.pop(key, None)
            self._seen[key] = [begun, count + 1, 0 if let_through else left_out + 1]
            while len(self._seen) > _KINDS:
                del self._seen[next(iter(self._seen))]
        if not let_through:
            return None
        if left_out:
            event["left_out"] = int(left_out)
        return event


_MINUTE_S = 60.0
_A_MINUTE = 5
_KINDS = 256


def open_log(
    level: str = "info", *, stream: TextIO | None = None, color: bool | None = None
) -> Log:
    """Set structlog up and return the daemon's log.

    :param level: ``debug``, ``info``, ``warning`` or ``error``
    :param color: None: coloured on a terminal; a stream that is no terminal gets JSON lines
    """
    structlog = _structlog()
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
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    log: Log = structlog.get_logger()
    return log


def _structlog() -> Any:
    # structlog imports rich for tracebacks wherever it is installed, 4 MiB and 60 ms that a
    # daemon writing to the journal never uses, and pickle, 0.4 MiB, for the name of an error.
    pickle = ModuleType("pickle")
    pickle.PicklingError = TypeError  # type: ignore[attr-defined]
    unused = {"rich": None, "pickle": pickle}.items()
    others = {name: other for name, other in unused if name not in sys.modules}
    sys.modules |= others  # type: ignore[arg-type]
    try:
        import structlog
    finally:
        for name in others:
            del sys.modules[name]
    return structlog
