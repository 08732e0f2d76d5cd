"""Every command that the product may send has an explanation of its response."""

from __future__ import annotations

import pytest

from modemagent.at.urcs import response_prefixes
from modemagent.dialects.allowlist import PERMITTED
from modemagent.explain import decoder, identities

DECODERS = {*decoder.decoders(), *identities.DECODERS}

#: Commands without an information line, or with a block of text for people.
EXCEPTIONS = {
    "AT": "only a final result",
    "ATE0": "only a final result",
    "ATE1": "only a final result",
    "ATV0": "only a final result",
    "ATV1": "only a final result",
    "AT+CMEE=0": "only a final result",
    "AT+CMEE=1": "only a final result",
    "AT+CMEE=2": "only a final result",
    "ATI": "a block of text",
    "ATI1": "a block of text",
    "ATI8": "a block of text",
    "ATI9": "a block of text",
    "AT+SIMCOMATI": "a block of text",
    "AT!PCVOLT?": "lines of names and values without a prefix",
    "AT!GSTATUS?": "lines of names and values without a prefix",
    "AT+CLAC": "a list of commands",
}


@pytest.mark.parametrize("line", sorted(PERMITTED - set(EXCEPTIONS)))
def test_every_permitted_command_is_explained(line):
    assert response_prefixes(line) & DECODERS


def test_exceptions_are_permitted_commands():
    assert set(EXCEPTIONS) <= PERMITTED


@pytest.mark.parametrize("line", ["AT+CCHO", "AT+CGLA"])
def test_euicc_commands_are_explained(line):
    assert response_prefixes(line) <= DECODERS
