"""PIN states and module locks in ``+CPIN`` lines and CME errors.

A module may accept only the SIM cards of one network, provider or company (personalization, 3GPP
TS 22.022). Its unlock code is unrelated to the SIM's PIN: a PIN entered for it costs an attempt.
Codes are from TS 27.007 clause 8.3, error numbers from clause 9.2.1.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from modemagent.at.fields import InformationLine


class Lock(NamedTuple):
    """A lock of a module to certain SIM cards.

    :param kind: ``network``, ``network_subset``, ``service_provider``, ``corporate``, ``sim``,
        ``first_sim``; None if the maker's text names none of them
    :param code: ``pin``, or ``puk`` if wrong unlock codes have blocked the lock
    """

    kind: str | None
    code: str


#: Names of the standard and longer ones of the makers, without separators and digits.
_KINDS: Mapping[str, str] = {
    "NET": "network",
    "NETWORK": "network",
    "NW": "network",
    "NETSUB": "network_subset",
    "NETSUBSET": "network_subset",
    "NETWORKSUB": "network_subset",
    "NETWORKSUBSET": "network_subset",
    "NS": "network_subset",
    "SP": "service_provider",
    "SERVICEPROVIDER": "service_provider",
    "CORP": "corporate",
    "CORPORATE": "corporate",
    "SIM": "sim",
    "USIM": "sim",
    "FSIM": "first_sim",
    "FIRSTSIM": "first_sim",
}
#: ``PH`` and the kind without a separator.
_JOINED = r"^PH(?=(NET|NW|SP|CORP|F?SIM))"
_CODE = r"PH[-_ ]+([A-Z][-_ A-Z0-9]*)"
#: Codes of makers without PH: NETWORK LOCKED, NW LOCK, SIMLOCK. SIM LOCKED may be the PIN.
_WORDS = r"(?!SIMLOCKED)([A-Z]+?)LOCK(?:ED)?"
_PARTS = r"([A-Z]+?)[0-9]*(?:LOCK(?:ED)?)?(PIN|PUK)?[0-9]*(?:REQUIRED)?"

#: Number of a CME error and the lock that causes it.
CME_LOCKS: Mapping[int, Lock] = {
    5: Lock("sim", "pin"),
    6: Lock("first_sim", "pin"),
    7: Lock("first_sim", "puk"),
    40: Lock("network", "pin"),
    41: Lock("network", "puk"),
    42: Lock("network_subset", "pin"),
    43: Lock("network_subset", "puk"),
    44: Lock("service_provider", "pin"),
    45: Lock("service_provider", "puk"),
    46: Lock("corporate", "pin"),
    47: Lock("corporate", "puk"),
}

#: Remedy for every lock. It does not mention a PIN, which would be wrong here.
REMEDY = (
    "Insert a SIM card of the right operator, or ask the seller of the device for the unlock code. "
    "No code of the SIM card opens this lock."
)


def pin_state(line: InformationLine) -> str:
    """Return the code in a ``+CPIN`` line, in upper case with single spaces between its words.

    >>> from modemagent.at.fields import parse_information
    >>> pin_state(parse_information('+CPIN: "sim  pin"'))
    'SIM PIN'
    >>> [pin_state(parse_information(f"+CPIN:{code}")) for code in ("SIMPUK2", "PHNET PIN")]
    ['SIM PUK2', 'PH-NET PIN']
    """
    code = " ".join(line.text(0).upper().split())
    code = re.sub(r"^(U?SIM)[-_]?(?=P(IN|UK)[12]?$)", r"\1 ", code)
    return re.sub(_JOINED, "PH-", code)


def lock_of(code: str) -> Lock | None:
    """Return the lock that a ``+CPIN`` code names, None for a state of the SIM.

    Case, quotes and separators are ignored. A code without PIN or PUK waits for the unlock code.

    >>> lock_of("PH-NETSUB PUK"), lock_of("ph_simlock"), lock_of("SIM PIN")
    (Lock(kind='network_subset', code='puk'), Lock(kind='sim', code='pin'), None)
    >>> lock_of("NETWORK LOCKED"), lock_of("SIM LOCK"), lock_of("SIM LOCKED")
    (Lock(kind='network', code='pin'), Lock(kind=None, code='pin'), None)
    """
    text = code.strip(' \t"').upper()
    found = re.fullmatch(_CODE, text)
    if found is None:
        words = re.fullmatch(_WORDS, re.sub(r"[-_ ]", "", text))
        if words is None or words[1] not in _KINDS:
            return None
        return Lock(None if words[1] == "SIM" else _KINDS[words[1]], "pin")
    parts = re.fullmatch(_PARTS, re.sub(r"[-_ ]", "", found[1]))
    if parts is None:
        return Lock(None, "pin")
    return Lock(_KINDS.get(parts[1]), (parts[2] or "PIN").lower())
