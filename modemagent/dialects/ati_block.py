"""Parser of the identification block in the response to ``ATI`` or ``AT+SIMCOMATI``.

Its forms: ``key: value`` lines in any order, with empty keys and lines without a key in between
(huawei, zte, sierra, simcom-a7670); three plain lines manufacturer, model, revision (quectel,
cinterion); one line, the model (ericsson-md300, ublox-sara-g350).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from modemagent.at.fields import SIGILS, split_prefix
from modemagent.dialects.parsers import plain

#: Key as sent, without spaces and punctuation, and its name in the result.
_KEYS: Mapping[str, str] = {
    "manufacturer": "manufacturer",
    "model": "model",
    "revision": "revision",
    "imei": "imei",
    "imeisv": "svn",
    "svn": "svn",
    "fsn": "serial",
    "sn": "serial",
    "serialnumber": "serial",
    "meid": "meid",
    "esn": "esn",
}


def read_block(lines: Iterable[str]) -> dict[str, str]:
    """Return the values of the block: manufacturer, model, revision, imei, svn, serial, meid, esn.

    A key that occurs twice with different values is left out.

    >>> read_block(["Quectel", "EG25", "Revision: EG25GGBR07A08M2G"])["model"]
    'EG25'
    >>> read_block(["IMEI SV: 6", "IMEI: 001001000000510"])["svn"]
    '6'
    """
    known: dict[str, str] = {}
    doubtful: set[str] = set()
    free: list[str] = []
    keyed = False
    for line in lines:
        prefix, body = split_prefix(line)
        name = _name_of(prefix)
        if name is None:
            if not prefix:
                free.append(plain(line))
            continue
        keyed = keyed or name != "revision"
        inner, rest = split_prefix(body)
        value = plain(rest if inner[:1] in tuple(SIGILS) else body)
        if not value:
            continue
        if known.get(name, value) != value:
            doubtful.add(name)
        known[name] = value
    if not keyed:
        known = {**_read_plain(free), **known}
    return {name: value for name, value in known.items() if name not in doubtful}


def has_empty_key(lines: Iterable[str], name: str) -> bool:
    """Return True if the block has a key without a value, as of a modem that lost its IMEI.

    >>> has_empty_key(["Revision: 1529B05SIM7000G", "IMEI:"], "imei")
    True
    """
    for line in lines:
        prefix, body = split_prefix(line)
        if _name_of(prefix) == name and not plain(body):
            return True
    return False


def _name_of(prefix: str) -> str | None:
    return _KEYS.get(re.sub(r"[^a-z]", "", prefix.lower()))


def _read_plain(free: list[str]) -> dict[str, str]:
    free = [line for line in free if line and not line.startswith("+")]
    if len(free) == 1:
        return {"model": free[0]}
    if not 2 <= len(free) <= 3:
        return {}
    found = {"manufacturer": free[0], "model": free[1]}
    if len(free) == 3:
        found["revision"] = re.sub(r"(?i)^revision[: ]+", "", free[2])
    return found
