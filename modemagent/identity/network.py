"""Network registration at the time of a reading, beside the identity and not part of it."""

from typing import NamedTuple


class Network(NamedTuple):
    """The network in use; None for each value that the modem did not report.

    :param mcc: mobile country code of the network in use, ``262``
    :param mnc: mobile network code, two or three digits as the modem reports them
    :param rat: radio access technology: gsm, umts, lte, lte_m, nb_iot, nr, cdma,
        satellite
    :param registered: on the home network, roaming, or for SMS only
    :param operator: name of the network as the modem displays it
    :param provider: service provider name of the SIM (EF_SPN, 3GPP TS 31.102 clause 4.2.12)
    """

    mcc: str | None = None
    mnc: str | None = None
    rat: str | None = None
    registered: bool | None = None
    operator: str | None = None
    provider: str | None = None

    def to_json(self) -> dict[str, object]:
        return self._asdict()
