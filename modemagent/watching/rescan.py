"""When to look at the ports again: on udev's news, when something else stirs, and now and then.

udev tells of every device that comes and goes. It does not tell of a pseudo terminal, or of a
link that somebody makes by hand; those are looked for, often at first and then ever less.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection

from modemagent.discovery import udev
from modemagent.logs import Log

#: Between looks: with udev's news, without it, and while it has to be quick.
_WITH_NEWS_S, _WITHOUT_S, SOON_S = 15.0, 2.0, 0.5
#: What nobody tells of is looked for so often: at first, and at the most seldom.
_AT_FIRST_S, _AT_LAST_S = 0.5, 5.0
#: So long as at first, and by so much less often for each second after it.
_EAGER_S, _WEARIES = 30.0, 0.1
#: The ports of one modem come within moments.
SETTLES_S = 0.02


class RescanScheduler:
    """Wakes the one who looks.

    :param heard: called when udev has told something
    """

    def __init__(self, log: Log, heard: Callable[[], None]) -> None:
        self._log = log
        self._heard = heard
        self._news: udev.UdevMonitor | None = None
        self._stirred = asyncio.Event()
        self._there: frozenset[str] = frozenset()
        self._changed_at = time.monotonic()

    def open(self) -> None:
        """Hear from udev when ports come and go, where it can be heard."""
        try:
            news = udev.UdevMonitor()
        except (ImportError, OSError) as error:
            self._log.info("udev_unavailable", reason=str(error))
            return

        def on_news() -> None:
            if news.take():
                self._heard()

        asyncio.get_running_loop().add_reader(news.fileno(), on_news)
        self._news = news

    def close(self) -> None:
        if self._news is not None:
            asyncio.get_running_loop().remove_reader(self._news.fileno())
            self._news = None

    def request(self) -> None:
        """Have a look taken at once."""
        self._stirred.set()

    def begin_anew(self) -> None:
        """Other ports are awaited from now on."""
        self._changed_at = time.monotonic()
        self.request()

    def request_soon(self) -> None:
        """Have a look taken in a moment: one for all that comes together."""
        asyncio.get_running_loop().call_later(SETTLES_S, self._stirred.set)

    def look_begins(self) -> None:
        """From now on what stirs asks for another look."""
        self._stirred.clear()

    def saw(self, ports: Collection[str]) -> None:
        """A look has shown these ports; while they change, more may be coming."""
        there = frozenset(ports)
        if there != self._there:
            self._there, self._changed_at = there, time.monotonic()

    def pause_s(self, awaited: Collection[str]) -> float:
        """Return how long to wait for the next look if nothing stirs.

        :param awaited: paths and patterns of which more may come
        """
        if self._news is not None and all(map(_is_told_by_udev, awaited)):
            return _WITH_NEWS_S
        usual_s = _WITHOUT_S if self._news is None else _WITH_NEWS_S
        if not awaited:
            return usual_s
        weary_s = time.monotonic() - self._changed_at - _EAGER_S
        return min(usual_s, max(_AT_FIRST_S, min(_AT_LAST_S, weary_s * _WEARIES)))

    async def wait(self, pause_s: float) -> None:
        """Wait until something stirs, but not longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stirred.wait()


def _is_told_by_udev(path: str) -> bool:
    """Tell whether udev makes what is at this path, or a pattern of it: devices, links of rules.

    >>> _is_told_by_udev("/dev/serial/by-id/*"), _is_told_by_udev("/dev/pts/3")
    (True, False)
    """
    return path.startswith("/dev/") and not path.startswith("/dev/pts/")
