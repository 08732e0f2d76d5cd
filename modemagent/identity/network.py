"""Where a modem is registered, as far as it says; a fact beside the identity, never part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Network(NamedTuple):
    """The network at the time of a reading; None for what was not told.

    :param mcc: mobile country code of the network in use, ``262``
    :param mnc: mobile network code, two or three digits as the modem gives them
    :param rat: radio access technology: gsm, umts, lte, nbiot, nr, endc
    :param registered: on the home network, roaming, or for SMS only
    :param operator: the network's name as the modem shows it
    :param provider: the card's own service provider name (EF_SPN, TS 31.102 clause 4.2.12)
    """

    mcc: str | None = None
    mnc: str | None = None
    rat: str | None = None
    registered: bool | None = None
    operator: str | None = None
    provider: str | None = None

    def to_json(self) -> dict[str, object]:
        return self._asdict()

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Network:
        """Read what :meth:`to_json` wrote; what is of another kind is left out."""
        registered = data.get("registered")
        return cls(
            mcc=_text(data.get("mcc")),
            mnc=_text(data.get("mnc")),
            rat=_text(data.get("rat")),
            registered=registered if isinstance(registered, bool) else None,
            operator=_text(data.get("operator")),
            provider=_text(data.get("provider")),
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
