"""The content of a policy as it is given: by a request, on the command line, or in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import msgspec

from modemagent.errors import UsageError
from modemagent.identity.cleaning import is_decimal, without_separators
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi
from modemagent.registry.lists.new_entries import parse_time

MODES = ("observe", "learn", "enforce")
LONGEST_NAME = 100
LONGEST_NOTE = 500
#: Modems, SIMs or pairs of one policy.
MOST = 100_000
_IMEI_DIGITS, _TAC_DIGITS = 14, 8


class CoverKind(IntEnum):
    """Kinds of covers, from the narrowest to the widest; the value is stored."""

    IMEI = 1
    ORDER = 2
    SITE = 3
    TAC = 4
    MODEL = 5
    GATEWAY = 6  # of windows


class SimKind(IntEnum):
    """Kinds of numbers that a policy allows; the value is stored."""

    ICCID = 1
    ICCID_PREFIX = 2
    IMSI = 3


class PolicyContent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a policy states, in normalized form.

    :param imeis: 14 digits each
    :param iccids: keys of SIMs, as :attr:`.Iccid.sim_key`
    :param pairs: IMEI and ICCID that belong together; they cover the modem
    :param exceptions: IMEI, kind and number of SIMs that the modem may hold in spite of the lists
    """

    name: str
    mode: str
    imeis: tuple[str, ...] = ()
    tacs: tuple[str, ...] = ()
    site: str | None = None
    model: str | None = None
    order: str | None = None
    iccids: tuple[str, ...] = ()
    iccid_prefixes: tuple[str, ...] = ()
    imsis: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    exceptions: tuple[tuple[str, int, str], ...] = ()
    valid_from_ms: int | None = None
    valid_to_ms: int | None = None
    note: str = ""

    @property
    def covers(self) -> list[tuple[int, str]]:
        """Return kind and value of all covers."""
        imeis = dict.fromkeys([*self.imeis, *(imei for imei, _ in self.pairs)])
        groups = (
            (CoverKind.SITE, self.site), (CoverKind.MODEL, self.model and bare(self.model)),
            (CoverKind.ORDER, self.order),
        )  # fmt: skip
        return [
            *((int(CoverKind.IMEI), one) for one in imeis),
            *((int(CoverKind.TAC), one) for one in self.tacs),
            *((int(kind), value) for kind, value in groups if value),
        ]

    @property
    def sims(self) -> list[tuple[int, str]]:
        """Return kind and number of the SIMs that all covered modems may hold."""
        return [
            *((int(SimKind.ICCID), one) for one in self.iccids),
            *((int(SimKind.ICCID_PREFIX), one) for one in self.iccid_prefixes),
            *((int(SimKind.IMSI), one) for one in self.imsis),
        ]


def bare(model: str) -> str:
    """Return a model as it is compared.

    >>> bare("EG25-G") == bare("eg25 g")
    True
    """
    return "".join(filter(str.isalnum, model.casefold()))


def parse_policy(given: Mapping[str, Any]) -> PolicyContent:
    """Return the content of a policy.

    :raises IdentityError: a number is not valid
    :raises UsageError: a field is not valid, or the policy covers no modem
    """
    mode = given.get("mode") or "observe"
    if mode not in MODES:
        raise UsageError("the mode is unknown", hint=f"Use one of: {', '.join(MODES)}.")
    covers = given.get("covers") or {}
    begin, end = given.get("valid_from"), given.get("valid_to")
    found = PolicyContent(
        name=_text("name", given.get("name"), LONGEST_NAME),
        mode=mode,
        imeis=_numbers(imei_of(one) for one in covers.get("imeis") or ()),
        tacs=_numbers(_tac(one) for one in covers.get("tacs") or ()),
        site=_text("site", covers.get("site"), LONGEST_NAME) or None,
        model=_text("model", covers.get("model"), LONGEST_NAME) or None,
        order=_text("order", covers.get("order"), LONGEST_NAME) or None,
        iccids=_numbers(iccid_of(one) for one in given.get("iccids") or ()),
        iccid_prefixes=_numbers(_prefix(one) for one in given.get("iccid_prefixes") or ()),
        imsis=_numbers(str(Imsi.parse(one)) for one in given.get("imsis") or ()),
        pairs=tuple(
            dict.fromkeys(
                (imei_of(one["imei"]), iccid_of(one["iccid"])) for one in given.get("pairs") or ()
            )
        ),
        exceptions=tuple(dict.fromkeys(map(_exception, given.get("exceptions") or ()))),
        valid_from_ms=parse_time(begin) if begin else None,
        valid_to_ms=parse_time(end, end_of_day=True) if end else None,
        note=_text("note", given.get("note"), LONGEST_NOTE),
    )
    check(found)
    return found


def check(content: PolicyContent) -> None:
    """Check what only the whole of a policy shows.

    :raises UsageError: it has no name, covers no modem, or is too large
    """
    if not content.name:
        raise UsageError("the policy has no name", hint="Name it, for example after the contract.")
    if not content.covers:
        raise UsageError(
            "the policy covers no modem", hint="State imeis, tacs, site, model, order or pairs."
        )
    begin, end = content.valid_from_ms, content.valid_to_ms
    if begin is not None and end is not None and end <= begin:
        raise UsageError("the validity ends before it begins", hint="Exchange the dates.")
    if len(content.covers) + len(content.sims) + len(content.pairs) > 2 * MOST:
        raise UsageError(
            f"the policy has more than {MOST} numbers", hint="Divide it, or use a prefix or TAC."
        )


def iccid_of(text: str) -> str:
    """Return the key of a SIM by its ICCID."""
    return Iccid.parse(text).sim_key


def imei_of(text: str) -> str:
    """Return the 14 digits of an IMEI."""
    return str(Imei.parse(text))[:_IMEI_DIGITS]


def _exception(given: Mapping[str, Any]) -> tuple[str, int, str]:
    imei = imei_of(given["imei"])
    if given.get("iccid"):
        return imei, int(SimKind.ICCID), iccid_of(given["iccid"])
    if given.get("imsi"):
        return imei, int(SimKind.IMSI), str(Imsi.parse(given["imsi"]))
    raise UsageError("an exception has an IMEI and an ICCID or IMSI", hint="Add the SIM.")


def _numbers(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


def _tac(text: str) -> str:
    digits = without_separators(text)
    if len(digits) != _TAC_DIGITS or not is_decimal(digits):
        raise UsageError("a TAC has 8 digits", hint="Use the first 8 digits of the IMEI.")
    return digits


def _prefix(text: str) -> str:
    digits = without_separators(text)
    if not (5 <= len(digits) <= 18 and is_decimal(digits) and digits.startswith("89")):
        raise UsageError(
            "an ICCID prefix has 5 to 18 digits and begins with 89",
            hint="Use the first digits that the SIMs of a contract have in common.",
        )
    return digits


def _text(name: str, text: str | None, longest: int) -> str:
    found = " ".join((text or "").splitlines()).strip()
    if len(found) > longest or not found.isprintable():
        raise UsageError(
            f"{name} must have at most {longest} printable characters", hint="Shorten it."
        )
    return found


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[dict[str, Any]]:  # of documents
    """Return the fields of two documents of a policy that differ; of lists, what was added."""
    found: list[dict[str, Any]] = []
    for name in new:
        a, b = old.get(name), new[name]
        if a == b:
            continue
        if isinstance(a, Sequence) and isinstance(b, list):
            more = [one for one in b if one not in a]
            less = [one for one in a if one not in b]
            found.append({"field": name, "added": more, "removed": less})
        else:
            found.append({"field": name, "old": a, "new": b})
    return found
