"""One door to the rules of all kinds of numbers.

>>> validate("imei", "867698040000013").valid
True
>>> validate("iccid", "ERROR").codes
('iccid.missing',)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from modemagent.errors import UsageError
from modemagent.identity.problems import KINDS

if TYPE_CHECKING:
    from modemagent.identity.check import CheckResult

__all__ = ["KINDS", "validate"]


def validate(kind: str, text: str) -> CheckResult:
    """Return the verdict on a raw text under the rules of one kind.

    :param kind: one of :data:`KINDS`
    :raises UsageError: another kind
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}", hint=f"one of: {', '.join(KINDS)}")
    # each kind is a module with the same verbs; only the one asked for is loaded
    verdict: CheckResult = import_module(f"modemagent.identity.{kind}").check(text)
    return verdict
