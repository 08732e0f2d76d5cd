"""What nobody catches goes into the log like everything else: masked, as one line, throttled.

Left alone, asyncio, threads and libraries write to stderr by themselves: tracebacks over many
lines, with whatever an error's text holds, and as often as it happens. When descriptors run out,
asyncio complains a hundred times for each connection it can not accept.
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
    """Log what no part of this process catches, and what libraries say at warning and above."""

    def outermost(
        kind: type[BaseException], fault: BaseException, trace: TracebackType | None
    ) -> None:
        _say(log, "uncaught_exception", "the main thread", (kind, fault, trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            name = args.thread.name if args.thread else "a thread"
            _say(
                log, "uncaught_exception", name, (args.exc_type, args.exc_value, args.exc_traceback)
            )

    def unraisable(args: UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            where = args.err_msg or "cleaning up"
            _say(
                log,
                "uncaught_exception",
                where,
                (args.exc_type, args.exc_value, args.exc_traceback),
            )

    sys.excepthook = outermost
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    root = logging.getLogger()
    root.handlers = [_Bridge(log)]
    root.setLevel(logging.WARNING)


def keep_faults_of(loop: asyncio.AbstractEventLoop, log: Log) -> None:
    """Log what no callback, task or transport of this loop catches."""

    def caught(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # without the objects asyncio names: their addresses make each message another one,
        # and nothing would be throttled
        fault = context.get("exception")
        how = (type(fault), fault, fault.__traceback__) if fault else None
        _say(log, "uncaught_exception", str(context.get("message", "the event loop")), how)

    loop.set_exception_handler(caught)


class _Bridge(logging.Handler):
    """Hands on what libraries log by Python's own means."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        event = "library_error" if record.levelno >= logging.ERROR else "library_warning"
        with contextlib.suppress(Exception):  # a message whose fields do not fit it
            caught = record.exc_info if record.exc_info and record.exc_info[1] else None
            _say(self._log, event, record.name, caught, said=record.getMessage())


def _say(log: Log, event: str, where: str, caught: _Caught | None, **fields: str) -> None:
    if caught:
        fields["error"] = caught[0].__name__
    say = log.warning if event == "library_warning" else log.error
    with contextlib.suppress(OSError, ValueError):  # nobody reads the log any more
        say(event, where=where, **fields, **({"exc_info": caught} if caught else {}))
