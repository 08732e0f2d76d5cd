"""Blocking calls beside the event loop, each in a thread of its own.

Not the default executor: its threads are joined when the program ends, and a call to a driver
that never returns would keep it from ending; and it has few threads, which a few stuck ports
would use up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def run_in_thread(
    call: Callable[[], T], *, undo: Callable[[T], object] | None = None
) -> asyncio.Future[T]:
    """Begin a blocking call and return the future of its result.

    :param undo: given the result when nobody waits for it any more (cancelled, loop ended)
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def hand_over(result: T | None, error: BaseException | None) -> None:
        if error is not None:
            if not future.done():
                future.set_exception(error)
        elif future.done():
            throw_away(result)  # type: ignore[arg-type]
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def throw_away(result: T) -> None:
        if undo is not None:
            threading.Thread(target=undo, args=(result,), name="undo", daemon=True).start()

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = call()
        except BaseException as fault:  # noqa: BLE001 - raised again where it is awaited
            error = fault
        try:
            loop.call_soon_threadsafe(hand_over, result, error)
        except RuntimeError:  # the loop has ended meanwhile
            if error is None:
                throw_away(result)  # type: ignore[arg-type]

    threading.Thread(target=run, name="aside", daemon=True).start()
    return future
