"""The examples in docstrings are the manual of the lower floors, and are run."""

import doctest
import importlib
import pkgutil

import pytest

import modemagent.at
import modemagent.cli
import modemagent.dialects
import modemagent.identity

PACKAGES = (modemagent.identity, modemagent.at, modemagent.dialects, modemagent.cli)
MODULES = [
    module.name
    for package in PACKAGES
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0
