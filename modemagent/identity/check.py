"""Check a text against the rules of any kind of identifier.

>>> validate("imei", "867698040000013").valid
True
>>> validate("iccid", "ERROR").codes
('iccid.missing',)
"""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.errors import UsageError
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import CheckResult, Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.imsi import Imsi
from modemagent.identity.meid import Meid
from modemagent.identity.problems import KINDS

IDENTIFIERS: Mapping[str, type[Identifier]] = {
    each.kind: each for each in (Imei, Imeisv, Meid, Imsi, Iccid, Eid)
}

__all__ = ["IDENTIFIERS", "KINDS", "validate"]


def validate(kind: str, text: str) -> CheckResult[Identifier]:
    """Return the verdict on a text under the rules of one kind.

    :param kind: one of :data:`KINDS`
    :raises UsageError: another kind
    """
    if kind not in IDENTIFIERS:
        raise UsageError(f"unknown kind {kind!r}", hint=f"Use one of: {', '.join(KINDS)}.")
    return IDENTIFIERS[kind].check(text)
