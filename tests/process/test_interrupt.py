"""Exit status after Ctrl-C at the worst moment: while a module is imported."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.process.conftest import COMMAND, ENVIRONMENT

#: Raises SIGINT when a module is imported, within exec() of a string: there, as in the definition
#: of a dataclass or named tuple, CPython marks itself to be killed by SIGINT at exit.
INTERRUPTS_AN_IMPORT = """
import signal, sys
class Interrupting:
    def find_spec(name, path, target=None):
        if name == {module!r}:
            exec("signal.raise_signal(signal.SIGINT)")
sys.meta_path.insert(0, Interrupting)
"""


@pytest.mark.parametrize("module", ["modemagent.cli.main", "modemagent.cli.validate"])
def test_interrupt_during_an_import_exits_with_130(tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTS_AN_IMPORT.format(module=module))
    path = ":".join(filter(None, (str(tmp_path), ENVIRONMENT.get("PYTHONPATH"))))
    done = subprocess.run(
        [*COMMAND, "validate", "imei", "867698040000013"],
        capture_output=True, env=ENVIRONMENT | {"PYTHONPATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, b"", b"")
