"""What a connector has to do: list the SIMs of an operator with the modems that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from modemagent.errors import IdentityError
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv


class OperatorSim(NamedTuple):
    """A SIM by the records of an operator.

    :param imei: 14 digits of the modem in which it was seen last; None: it was not seen
    :param is_locked: the operator accepts the SIM in this modem only
    """

    iccid: Iccid
    imei: str | None
    is_locked: bool


class Connector(Protocol):
    """The API of an operator."""

    def sims(self) -> Iterator[OperatorSim]:
        """Yield all SIMs of the account.

        :raises OperatorApiError: the API cannot be used, or its response is not as described
        """


def parse_sim(iccid: object, imei: object, *, is_locked: bool) -> OperatorSim | None:
    """Return a SIM of a response; None: its ICCID is not valid.

    >>> parse_sim("8988303000000000010", "8676980400000107", is_locked=False).imei
    '86769804000001'
    >>> parse_sim("8988303000000000010", "0000000000000018", is_locked=False).imei is None
    True
    """
    try:
        number = Iccid.parse(str(iccid or ""))
    except IdentityError:
        return None
    text = str(imei or "").strip()
    try:
        equipment = Imeisv.parse(text) if len(text) == 16 else Imei.parse(text)
    except IdentityError:
        return OperatorSim(number, None, is_locked)
    return OperatorSim(number, str(equipment)[:14], is_locked)
