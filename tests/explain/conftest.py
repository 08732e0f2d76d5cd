"""The check that the case tables of this folder share."""

from __future__ import annotations

import pytest

from modemagent.explain import explain
from modemagent.explain.identities import explain_identity


@pytest.fixture
def check():
    """Return a function that compares the explanation of a line with a row of a case table."""

    def compare(command, line, values, words, advice=""):
        found = explain(command, line) or explain_identity(command, line)
        assert found is not None
        assert found["source"]
        assert found["about"] != "unsolicited"
        for part in (words,) if isinstance(words, str) else words:
            assert part in str(found["text"])
        assert advice in str(found.get("remedy", ""))
        if advice == "":
            assert "remedy" not in found
        fields = found.get("fields", {})
        assert {name: fields.get(name) for name in values} == values

    return compare
