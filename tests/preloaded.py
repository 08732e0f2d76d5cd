"""Processes of modemagent that need no imports: forked from a process that has imported it.

Most of the time a command needs is that of its imports, and the tests start thousands. Each pytest
process keeps processes that have imported everything (one for each set of variables that take
effect at the start of a program) and fork for each command. What is forked is a process like any
other, with arguments, environment, working directory, standard streams and signals of its own.

Tests whose subject is the start or the end of the interpreter start one: see ``tests/cli/
test_main.py``, ``tests/process/test_interrupt.py`` and the golden copies.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

COMMAND = (sys.executable, "-m", "modemagent")
_SERVER = Path(__file__).with_name("fork_server.py")
#: Beginnings of the names of variables that take effect when a program starts.
_AT_START = ("LD_", "LC_", "LANG", "PYTHON")
#: Options of Popen that a forked process does not have.
_UNSUPPORTED = ("preexec_fn", "pass_fds", "shell", "user", "group", "umask")

Environment = Mapping[str, str]


class Preloaded(subprocess.Popen[Any]):
    """``modemagent WORDS``, forked; what cannot be forked is a new interpreter.

    :param options: those of :class:`subprocess.Popen`; ``start_new_session`` with a terminal as
        stdin makes it the controlling terminal
    """

    _server: _Server | None = None
    _status = -1

    def __init__(
        self, words: Sequence[str], *, env: Environment | None = None, **options: Any
    ) -> None:
        environment = dict(os.environ if env is None else env)
        at_start = {k: v for k, v in sorted(environment.items()) if k.startswith(_AT_START)}
        if not any(map(options.get, _UNSUPPORTED)) and not any(
            name.startswith("FAKETIME")
            or (name.startswith("PYTHON") and environment.get(name) != os.environ.get(name))
            for name in {*environment, *os.environ}
        ):
            kind = "registry" if "registry" in words else "agent"
            self._server = _server(kind, tuple(at_start.items()))
        self._environment = environment
        self._has_session = bool(options.get("start_new_session"))
        super().__init__([*COMMAND, *words], env=environment, **options)

    def _execute_child(self, args: Any, *more: Any) -> None:
        if self._server is None:
            super()._execute_child(args, *more)  # type: ignore[misc]
            return
        cwd, pipes = more[4], more[9:15]  # as subprocess.py of Python 3.11 to 3.13 has them
        status, its_status = os.pipe()
        ends = (pipes[0], pipes[3], pipes[5])  # of this process; -1: our own stream
        streams = [end if end >= 0 else number for number, end in enumerate(ends)]
        request = {
            "arguments": args,
            "directory": os.fspath(cwd) if cwd else str(Path.cwd()),
            "environment": self._environment,
            "session": self._has_session,
        }
        self.pid = self._server.fork(request, [*streams, its_status])
        os.close(its_status)
        self._status = status
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _internal_poll(self, *arguments: Any, **more: Any) -> int | None:
        if self._server is None:
            return super()._internal_poll(*arguments, **more)  # type: ignore[misc, no-any-return]
        return self._ended(0)

    def _wait(self, timeout: float | None) -> int:
        if self._server is None:
            return super()._wait(timeout)  # type: ignore[misc, no-any-return]
        if (status := self._ended(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def _ended(self, timeout: float | None) -> int | None:
        """Return the exit status, negative for a signal; None if the process still runs."""
        while self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            with self._waitpid_lock:  # type: ignore[attr-defined]
                if self.returncode is None:
                    self.returncode = int(os.read(self._status, 16))
                    os.close(self._status)
        return self.returncode


def run(
    words: Sequence[str],
    *,
    input: str | bytes = b"",
    env: Environment | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run ``modemagent WORDS`` to its end, as :func:`subprocess.run` does."""
    sent = input.encode() if isinstance(input, str) else input
    pipe = subprocess.PIPE
    with Preloaded(words, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            out, err = process.communicate(sent, timeout)
        except BaseException:
            process.kill()
            raise
    texts = (each.decode("utf-8", "surrogateescape") for each in (out, err))
    return subprocess.CompletedProcess(process.args, process.returncode, *texts)


class _Server:
    """A process that has imported what commands import; it ends when its socket is closed.

    :param kind: registry; or agent, without what only the registry imports
    """

    def __init__(self, kind: str, environment: Environment) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = Lock()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_AT_START)}
        with theirs:
            # the last argument is room for the arguments of a forked process
            words = [sys.executable, "-P", str(_SERVER), str(theirs.fileno()), kind, "." * 8000]
            self._process = subprocess.Popen(
                words, env={**kept, **environment}, pass_fds=[theirs.fileno()]
            )
        atexit.register(self._end)

    def fork(self, request: Mapping[str, Any], files: Sequence[int]) -> int:
        """Fork a process with these standard streams; its status is written to the last file."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(request).encode()], files)
            return int(self._socket.recv(16))

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _server(kind: str, environment: tuple[tuple[str, str], ...]) -> _Server:
    return _Server(kind, dict(environment))
