"""Hashing of passwords with argon2id, in threads of its own: a check takes 0.2 s and 64 MiB."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from modemagent.registry.api.problem_details import unavailable

_AT_A_TIME = 2
_MOST_WAITING = 16
SHORTEST, LONGEST = 12, 1024

T = TypeVar("T")


class Passwords:
    """Hashes and checks passwords, two at a time.

    :param hasher: with other costs than the defaults of argon2-cffi, for tests
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(_AT_A_TIME, "registry-passwords")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the hash under which a password is stored."""
        return await self._run(password, None) or ""

    async def is_right(self, password: str, stored: str | None) -> bool:
        """Check a password. Without a stored hash it is wrong, after the same time."""
        return await self._run(password, stored or self._nobody) is not None and stored is not None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, password: str, stored: str | None) -> str | None:
        if self._waiting >= _MOST_WAITING:
            raise unavailable("passwords", "too many people sign in at this moment", 5)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._work, password, stored)
        finally:
            self._waiting -= 1

    def _work(self, password: str, stored: str | None) -> str | None:
        """Return a new hash, or the stored one if the password is right."""
        if stored is None:
            return self._hasher.hash(password)
        try:
            self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return None
        return stored

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("a person without an account")
