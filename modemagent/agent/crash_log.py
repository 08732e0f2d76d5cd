"""Log entries for uncaught exceptions and library messages: masked, on one line, throttled.

By default asyncio, threads and libraries write to stderr: tracebacks over many lines, with
identifiers in error texts, without a limit. When file descriptors run out, asyncio writes a hundred
tracebacks for each connection that it cannot accept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

from modemagent.logs import Log

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_Caught = tuple[type[BaseException], BaseException, TracebackType | None]


def install_crash_logging(log: Log) -> None:
    """Log uncaught exceptions of this process, and messages of libraries from warning on."""

    def in_main_thread(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        _write(log, "uncaught_exception", "the main thread", (kind, error, trace))

    def uncaught(where: str, args: threading.ExceptHookArgs | UnraisableHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            caught = (args.exc_type, args.exc_value, args.exc_traceback)
            _write(log, "uncaught_exception", where, caught)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        uncaught(args.thread.name if args.thread else "a thread", args)

    def unraisable(args: UnraisableHookArgs) -> None:
        uncaught(args.err_msg or "cleaning up", args)

    sys.excepthook = in_main_thread
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    root = logging.getLogger()
    root.handlers = [_LibraryHandler(log)]
    root.setLevel(logging.WARNING)


def log_loop_errors(loop: asyncio.AbstractEventLoop, log: Log) -> None:
    """Log uncaught exceptions of callbacks, tasks and transports of an event loop."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # The objects in the context are left out: their addresses would make each message
        # different, and none would be throttled.
        error = context.get("exception")
        caught = (type(error), error, error.__traceback__) if error else None
        _write(log, "uncaught_exception", str(context.get("message", "the event loop")), caught)

    loop.set_exception_handler(handle)


class _LibraryHandler(logging.Handler):
    """Handler for records of the standard library's logging."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        event = "library_error" if record.levelno >= logging.ERROR else "library_warning"
        with contextlib.suppress(Exception):  # a message that does not match its arguments
            caught = record.exc_info if record.exc_info and record.exc_info[1] else None
            _write(self._log, event, record.name, caught, message=record.getMessage())


def _write(log: Log, event: str, where: str, caught: _Caught | None, **fields: str) -> None:
    if caught:
        fields["error"] = caught[0].__name__
    write = log.warning if event == "library_warning" else log.error
    write(event, where=where, **fields, **({"exc_info": caught} if caught else {}))
