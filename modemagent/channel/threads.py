"""Blocking driver calls, each in a thread of its own beside the event loop.

The default executor does not serve: its threads are joined when the program ends, so a driver call
that never returns would keep the program from ending, and a few stuck ports would use up its few
threads. A thread in such a call cannot be ended either. So a device with a call in progress gets no
second one, and a program that retries for days keeps one thread per device.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

from modemagent.channel.url import is_remote
from modemagent.errors import PortBusy
from modemagent.real_path import real_path

T = TypeVar("T")

_in_progress: list[tuple[str, str]] = []
_lock = threading.Lock()


def run_in_thread(
    call: Callable[[], T], *, undo: Callable[[T], object] | None = None
) -> asyncio.Future[T]:
    """Start a blocking call and return the future of its result.

    :param undo: called with the result if the future was cancelled or the loop has ended
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if error is not None:
            if not future.done():
                future.set_exception(error)
        elif future.done():
            discard(result)  # type: ignore[arg-type]
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def discard(result: T) -> None:
        if undo is not None:
            threading.Thread(target=undo, args=(result,), name="undo", daemon=True).start()

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001 - raised again where it is awaited
            error = raised
        try:
            loop.call_soon_threadsafe(deliver, result, error)
        except RuntimeError:  # the loop has ended meanwhile
            if error is None:
                discard(result)  # type: ignore[arg-type]

    threading.Thread(target=run, name="blocking call", daemon=True).start()
    return future


@contextmanager
def driver_call(port: str, what: Literal["opening", "closing"]) -> Iterator[None]:
    """Register a call that may never return while it lasts; enter this in the call's thread.

    Network connections are not registered: they have deadlines of their own.

    :param port: as the user named it
    :raises PortBusy: the port is to be opened, and an earlier call on it has not returned
    """
    if is_remote(port):
        yield
        return
    path = real_path(port)
    with _lock:
        earlier = next((call for device, call in _in_progress if device == path), None)
        if earlier is not None and what == "opening":
            raise PortBusy(
                f"{port} is stuck: the driver has not returned from an earlier {earlier}",
                port=port,
                holder_pid=os.getpid(),
                hint="Unplug the modem or power-cycle it. If that does not help, "
                "restart the machine.",
            )
        _in_progress.append((path, what))
    try:
        yield
    finally:
        with _lock:
            _in_progress.remove((path, what))
