"""Explanations of ``name: value`` lines, as in the responses of ``!GSTATUS`` and ``^DEBUG``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modemagent.explain.cells import plausible
from modemagent.explain.explanation import Explanation
from modemagent.explain.signal import measured

#: Name of a measured value in these lines to its name in :mod:`modemagent.explain.signal`.
_TEXTS = {
    "rsrp": "rsrp",
    "rsrq": "rsrq",
    "sinr": "sinr",
    "snr": "sinr",
    "rssi": "rssi",
    "rscp": "rscp",
    "ecio": "ecno",
    "ecno": "ecno",
}
_MEASURE = (
    r"(?i)(?:\b|_)(rsrp|rsrq|sinr|snr|rssi|rscp|ec/?[in]o) {0,9}(?:\(dBm?\))? ?[:=]\s{0,9}"
    r"(?:rx_diversity:[0-9] \()?"  # ^DEBUG: one value for each antenna
    r"(-?[0-9]{1,3}(?:\.[0-9]{1,3})?)"
)
#: Names that belong to a status line; the measured values of such a line are read apart.
_STATUS = (
    r"(?i)(?:\w+ ){0,3}(?:mode|state|band|bw|rx chan|tx chan|tx power|tac|cell id)|rat|mcc|mnc|"
    r"plmn|pci|(?:lte|nr)_(?:band|band_width|cell_id|tac|pci)|current time|reset counter|"
    r"temperature|channel|earfcn.{0,9}|enb id.{0,9}"
)
_NAMED = "Sierra AT command reference, !GSTATUS; Qualcomm-based modules, ^DEBUG"


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the ``name: value`` pairs of a line, which commas or wide gaps separate.

    A single space is enough before a name in lower case that its value follows directly.

    >>> list(_pairs("EMM state:     Registered     \tNormal Service "))
    [('EMM state', 'Registered Normal Service')]
    >>> list(_pairs("pcell: lte_band:3 lte_band_width:15.0MHz"))
    [('pcell', ''), ('lte_band', '3'), ('lte_band_width', '15.0MHz')]
    """
    name = ""
    values: list[str] = []
    for part in re.split(r"\t|  |,| (?=[a-z_]+:[^ ])", text):
        before, colon, after = part.partition(":")
        if colon:
            if name:
                yield name, " ".join(filter(None, values))
            name, values = before.strip(), []
        values.append((after if colon else before).strip())
    if name:
        yield name, " ".join(filter(None, values))


def named_values(text: str) -> Explanation | None:
    """Explain ``name: value`` pairs, as of ``!GSTATUS`` and ``^DEBUG``.

    >>> named_values("lte_rsrp:-103.2dBm,rsrq:-10.9dB").text
    'RSRP -103.2 dBm, RSRQ -10.9 dB, good'
    >>> named_values("System mode:   LTE        PS state:    Attached").text
    'System mode LTE, PS state Attached'
    """
    values: dict[str, float] = {}
    for name, value in re.findall(_MEASURE, text):
        values.setdefault(_TEXTS[name.lower().replace("/", "")], float(value))
    shown, found = measured(plausible(values))
    parts = [
        f"{name} {value}{' °C' if name.lower() == 'temperature' else ''}"
        for name, value in _pairs(text)
        if value and re.fullmatch(_STATUS, name)
    ]
    if not shown and not parts:
        return None
    return Explanation("status", ", ".join(filter(None, [*parts, shown])), _NAMED, found)
