"""The examples in docstrings, which are the manual of the lower floors."""

import doctest
import importlib
import pkgutil

import pytest

import modemagent.at
import modemagent.cli
import modemagent.dialects
import modemagent.identity
import modemagent.privacy

PACKAGES = (
    modemagent.identity,
    modemagent.privacy,
    modemagent.at,
    modemagent.dialects,
    modemagent.cli,
)
MODULES = [
    module.name
    for package in PACKAGES
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
