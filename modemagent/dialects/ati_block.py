"""Reads the identification block that ``ATI`` (or ``AT+SIMCOMATI``) answers.

Its forms: ``key: value`` lines in any order, with empty keys and lines without a key between
(huawei, zte, sierra, simcom-a7670); three plain lines maker, model, revision (quectel,
cinterion); one line, the model (ericsson-md300, ublox-sara-g350).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from modemagent.dialects.parsers import plain, split_label

#: key as it is written, without blanks and punctuation -> the name it has here
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
_INNER_PREFIX = re.compile(r"^[+#^%$!*][A-Za-z]+\s*:\s*")


def read_block(lines: Iterable[str]) -> dict[str, str]:
    """Return what the block says: manufacturer, model, revision, imei, svn, serial, meid, esn.

    A key that comes twice with different values is left out: it can not be believed.

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
        label, body = split_label(line)
        name = _KEYS.get(re.sub(r"[^a-z]", "", label.lower())) if label else None
        if name is None:
            if not label:
                free.append(plain(line))
            continue
        keyed = keyed or name != "revision"
        value = plain(_INNER_PREFIX.sub("", body))
        if not value:
            continue
        if known.get(name, value) != value:
            doubtful.add(name)
        known[name] = value
    if not keyed:
        known = {**_read_plain(free), **known}
    return {name: value for name, value in known.items() if name not in doubtful}


def _read_plain(free: list[str]) -> dict[str, str]:
    free = [line for line in free if line and not line.startswith("+")]
    if len(free) == 1:
        return {"model": free[0]}
    if 2 <= len(free) <= 3:
        out = {"manufacturer": free[0], "model": free[1]}
        if len(free) == 3:
            out["revision"] = re.sub(r"(?i)^revision[: ]+", "", free[2])
        return out
    return {}
