"""Families of reject causes: refused registrations and data connections.

Names and remedies are in ``data/reject_causes.txt`` and ``data/remedies.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping

_REGISTRATION, _DATA = "reject cause", "cause of a data connection"
_ROWS = (
    ("MM", _REGISTRATION, "24.008 clause 10.5.3.6"),
    ("GMM", _REGISTRATION, "24.008 clause 10.5.5.14"),
    ("EMM", _REGISTRATION, "24.301 clause 9.9.3.9"),
    ("5GMM", _REGISTRATION, "24.501 clause 9.11.3.2"),
    ("SM", _DATA, "24.008 clause 10.5.6.6"),
    ("ESM", _DATA, "24.301 clause 9.9.4.4"),
    ("5GSM", _DATA, "24.501 clause 9.11.4.2"),
)
#: Name of a family to its subject and the defining clause.
FAMILIES: Mapping[str, tuple[str, str]] = {
    name: (f"{about} ({name})", f"3GPP TS {clause}") for name, about, clause in _ROWS
}
