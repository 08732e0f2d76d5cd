"""Network registration at the time of a reading, beside the identity and not part of it."""

from enum import StrEnum
from typing import NamedTuple


class RegistrationState(StrEnum):
    """State of the registration; OFF: not registered, and the modem does not search."""

    HOME = "home"
    ROAMING = "roaming"
    SEARCHING = "searching"
    DENIED = "denied"
    OFF = "off"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "RegistrationState":
        """Return UNKNOWN for a state of a later version."""
        return cls.UNKNOWN

    @classmethod
    def of_status(cls, status: int) -> "RegistrationState":
        """Return the state of a <stat> of 3GPP TS 27.007 clause 7.2; ModemManager has the same.

        Unknown are 4, 8 (emergency bearer services) and 11 (restricted local operator services).

        >>> str(RegistrationState.of_status(7)), str(RegistrationState.of_status(8))
        ('roaming', 'unknown')
        """
        return _STATES.get(status, cls.UNKNOWN)


_STATES = {
    **dict.fromkeys((0, 90), RegistrationState.OFF),  # Nordic's 90: the SIM has failed
    **dict.fromkeys((1, 6, 9), RegistrationState.HOME),
    2: RegistrationState.SEARCHING,
    3: RegistrationState.DENIED,
    **dict.fromkeys((5, 7, 10), RegistrationState.ROAMING),
}


class ServingCell(NamedTuple):
    """The cell that serves a modem: with the network, it tells where the modem is.

    :param cell_id: identity of the cell within the network
    :param area_code: tracking or location area code
    :param mcc: mobile country code of the network, if it was reported with the cell
    :param mnc: mobile network code, likewise
    """

    cell_id: int
    area_code: int | None = None
    mcc: str | None = None
    mnc: str | None = None


class Network(NamedTuple):
    """The network in use; None for each value that the modem did not report.

    :param mcc: mobile country code of the network in use, ``262``
    :param mnc: mobile network code, two or three digits as the modem reports them
    :param rat: radio access technology: gsm, umts, lte, lte_m, nb_iot, nr, cdma,
        satellite
    :param registered: on the home network, roaming, or for SMS only
    :param operator: name of the network as the modem displays it
    :param registration: state of the registration of the domain that ``registered`` is about; of
        those that are not registered, a denied one comes first
    :param reject_cause: cause of a denied registration, the number of 3GPP TS 24.008, 24.301 or
        24.501
    :param provider: service provider name of the SIM (EF_SPN, 3GPP TS 31.102 clause 4.2.12)
    :param cell: serving cell; read only on request, and not in the JSON form otherwise
    """

    mcc: str | None = None
    mnc: str | None = None
    rat: str | None = None
    registered: bool | None = None
    operator: str | None = None
    provider: str | None = None
    registration: RegistrationState | None = None
    reject_cause: int | None = None
    cell: ServingCell | None = None

    def to_json(self) -> dict[str, object]:
        document: dict[str, object] = self._asdict()
        del document["cell"]
        return document if self.cell is None else {**document, "cell": self.cell._asdict()}
