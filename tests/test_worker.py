"""Test workers: each has its own namespaces, and leaves no process behind when it is killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).parents[1] / "scripts" / "test-worker"
#: Starts a process that outlives it, in a new session and with the same stdout.
LEAVES = """
import os, subprocess, sys
subprocess.Popen(["sleep", "1000"], start_new_session=True)
print("started", flush=True)
"""

pytestmark = pytest.mark.skipif(
    subprocess.run([WORKER, "true"], capture_output=True).returncode != 0,
    reason="namespaces cannot be created here",
)


def start(code: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([WORKER, sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    return process


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)"], ids=["ends", "is_killed"])
def test_processes_of_a_worker_end_with_it(end: str) -> None:
    with start(LEAVES + end) as process:
        # end of file: every process that had the pipe open has ended
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert process.wait() == (128 + signal.SIGKILL if end else 0)


def test_worker_ends_with_the_process_that_started_it() -> None:
    stays = "\nimport time\ntime.sleep(1000)\n"
    words = [str(WORKER), sys.executable, "-c", LEAVES + stays]
    starts = f"import subprocess\nsubprocess.Popen({words})" + stays
    with subprocess.Popen([sys.executable, "-c", starts], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        process.kill()
        assert process.stdout.read() == b""


def test_worker_shares_no_terminal_and_no_port() -> None:
    """Terminals are numbered from 0, and ports in use outside are free."""
    code = """
import os, pty, socket
print("started", flush=True)
print(os.ttyname(pty.openpty()[1]), socket.create_server(("127.0.0.1", 4444)).getsockname()[1])
print(sorted(name for name in os.listdir("/proc") if name.isdigit())[0], os.listdir("/run/lock"))
"""
    with start(code) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"/dev/pts/0 4444\n1 []\n"
