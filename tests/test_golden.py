"""Commands sent to modems, output, reports and stored files equal their golden copies.

``scripts/golden`` makes the copies through public interfaces only, so that a change of names
inside the package changes none of them.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import call_in_process
from tests.preloaded import Preloaded


def _script() -> ModuleType:
    path = Path(__file__).parents[1] / "scripts/golden"
    loader = importlib.machinery.SourceFileLoader("golden", str(path))
    spec = importlib.util.spec_from_loader("golden", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


golden = _script()
golden.start = Preloaded  # hundreds of commands need no interpreters of their own

# All transcripts are played in parallel, which takes half a minute on two cores.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def of_modems() -> dict[str, str]:
    return golden.of_modems_settled(golden.transcripts())


def must_be_equal(name: str, text: str) -> None:
    difference = golden.difference(name, text)
    if difference:
        pytest.fail(f"{difference}\n{golden.REMEDY}", pytrace=False)


@pytest.mark.parametrize("name", golden.transcripts())
def test_modem_dialogue_matches_golden_copy(name: str, of_modems: dict[str, str]) -> None:
    must_be_equal(f"modems/{name}.json", of_modems[f"modems/{name}.json"])


@pytest.mark.parametrize("name", golden.PARTS)
def test_output_matches_golden_copy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "help.txt":
        monkeypatch.setattr(golden, "call", call_in_process)
        monkeypatch.setattr(golden, "PARALLEL", 1)
        for variable, value in golden.environment().items():
            monkeypatch.setenv(variable, value)
    for made, text in golden.PARTS[name]().items():
        must_be_equal(made, text)


def test_every_golden_copy_is_still_made() -> None:
    existing = {str(file.relative_to(golden.GOLDEN)) for file in golden.GOLDEN.rglob("*.*")}
    made = {f"modems/{name}.json" for name in golden.transcripts()}
    assert existing == made | golden.PARTS.keys()
