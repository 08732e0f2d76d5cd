"""A headless Chromium for tests of pages.

All of Playwright runs in one thread of its own: its loop would stay in the thread of asynchronous
tests otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

PATH = Path("/usr/bin/chromium")
T = TypeVar("T")


class Chromium:
    """A browser in a thread of its own; a test that needs it is skipped if it is missing."""

    def __init__(self) -> None:
        api = pytest.importorskip("playwright.sync_api", reason="the extra browser is missing")
        if not PATH.exists():
            pytest.skip("chromium is missing")
        self._thread = ThreadPoolExecutor(1)
        self._driver: Any = None
        self.browser: Any = None
        self.run(lambda: self._start(api))

    def _start(self, api: Any) -> None:
        self._driver = api.sync_playwright().start()
        self.browser = self._driver.chromium.launch(
            executable_path=str(PATH), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )

    def _stop(self) -> None:
        self.browser.close()
        self._driver.stop()

    def run(self, work: Callable[[], T]) -> T:
        """Return the result of a function, whose operations have limits of their own."""
        return self._thread.submit(work).result()

    def close(self) -> None:
        self.run(self._stop)
        self._thread.shutdown()
