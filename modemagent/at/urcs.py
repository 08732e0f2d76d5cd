"""Unsolicited result codes: lines a module sends without being asked.

They come between command and answer, in the middle of an echo, and a dozen at a time while a
module boots. Many share their prefix with an answer (``+CPIN:``, ``+CREG:``, ``#QSS:``), so the
table says only what *may* be unsolicited; the dialogue weighs it against what was asked.
"""

from __future__ import annotations

from modemagent.at.fields import SIGILS, split_prefix

PREFIXES: dict[str, str] = {
    # 3GPP TS 27.007, TS 27.005
    "+CREG": "registration, circuit switched",
    "+CGREG": "registration, GPRS",
    "+CEREG": "registration, EPS",
    "+C5GREG": "registration, 5GS",
    "+CPIN": "SIM state (SIMCom, Quectel)",
    "+CFUN": "functionality level at boot (Quectel, SIMCom)",
    "+CRING": "incoming call with its type",
    "+CLIP": "calling number",
    "+CCWA": "call waiting",
    "+CMTI": "message stored",
    "+CMT": "message",
    "+CDSI": "status report stored",
    "+CDS": "status report",
    "+CBM": "cell broadcast",
    "+CBMI": "cell broadcast stored",
    "+CUSD": "unstructured supplementary service data",
    "+CUSATP": "SIM toolkit proactive command",
    "+CUSATEND": "SIM toolkit session over",
    "+CSSI": "supplementary service",
    "+CSSU": "supplementary service",
    "+CGEV": "packet domain event",
    "+CIEV": "indicator (TS 27.007 clause 8.9; Cinterion simstatus)",
    "+CTZV": "time zone",
    "+CTZE": "time zone and time",
    "+CTZEU": "time zone and time",
    "+CSCON": "signalling connection",
    "+CEDRXP": "eDRX values",
    "+CPSMSTATUS": "power saving",
    "+CALV": "alarm",
    "+CSQ": "signal (SIMCom AT+AUTOCSQ)",
    # Quectel
    "+QUSIM": "USIM (re)initialised",
    "+QSIMSTAT": "card inserted or pulled",
    "+QIND": "indication: SMS DONE, PB DONE, csq, act",
    "+QIURC": "TCP/IP event",
    "+QSSLURC": "TLS event",
    "+QMTSTAT": "MQTT event",
    "+QNETDEVSTATUS": "network device",
    "+QUSIMSLOT": "slot changed",
    # SIMCom
    "+CNSMOD": "technology changed",
    "+NITZ": "network time",
    "*PSUTTZ": "network time",
    "DST": "daylight saving",
    "+CPSI": "cell (AT+CPSI=n)",
    "+SIMCARD": "card",
    # Huawei
    "^RSSI": "signal",
    "^HCSQ": "signal",
    "^BOOT": "boot",
    "^MODE": "technology",
    "^SRVST": "service state",
    "^SIMST": "SIM state",
    "^NDISSTAT": "network interface",
    "^DSFLOWRPT": "traffic",
    "^STIN": "SIM toolkit",
    "^CEND": "call over",
    "^CONF": "call",
    "^CONN": "call",
    "^ORIG": "call",
    "^SMMEMFULL": "message store full",
    "^EONS": "operator name",
    "^NWTIME": "network time",
    "^LWURC": "network event",
    "^CRSSI": "signal",
    "^ANLEVEL": "signal bars",
    "^CPIN": "SIM state",
    "^HRSSILVL": "signal",
    "^CSNR": "signal",
    # Cinterion
    "^SCKS": "card inserted or pulled",
    "^SBC": "undervoltage, temperature",
    "^SHUTDOWN": "power off",
    "^SYSSTART": "boot",
    "^SCTM_B": "temperature",
    "^SMGO": "message overflow",
    # Ericsson MBM
    "*EMRDY": "ready",
    "*E2NAP": "network interface",
    "*E2REG": "registration",
    "*EMWI": "message waiting",
    "*ERINFO": "technology",
    "*EPEV": "event",
    "*ESTKSMENU": "SIM toolkit",
    "+PACSP": "preferred network list",
    # ZTE
    "+ZUSIMR": "USIM",
    "+ZPASR": "technology",
    "+ZDONR": "operator",
    "+ZPSTM": "SIM toolkit",
    "+ZEND": "call over",
    "+ZUSSDR": "USSD",
    # Option
    "_OWANCALL": "data call",
    "_OSIGQ": "signal",
    "_OSSYSI": "technology",
    "_OWCTI": "technology",
    "_OCTI": "technology",
    "_OUWCTI": "technology",
    "_OSIMOP": "SIM operator",
    # Wavecom, u-blox, Telit
    "+WIND": "SIM and start-up steps",
    "+UUSIMSTAT": "SIM state",
    "+UUSTS": "temperature",
    "+UUPSDA": "data connection",
    "+UUPSDD": "data connection",
    "+AT": "TOBY-L4 ready",
    "#QSS": "SIM state",
    "#SGACT": "data connection",
    "#PSNT": "technology",
    # Nordic, Sequans, Altair, Qualcomm
    "%XSIM": "SIM state",
    "%XMODEMSLEEP": "sleep",
    "%XTIME": "network time",
    "%XT3412": "timer",
    "%MDMEV": "modem event",
    "%NCELLMEAS": "neighbour cells",
    "%CESQ": "signal",
    "+SQNSIMST": "SIM state",
    "%NOTIFYEV": "event: SIM refresh, boot",
    "%STATEV": "state",
    "$QCRMI": "interface",
    "$QCSIMSTAT": "SIM state",
    # Neoway, Fibocom, MeiG
    "MODEM": "Neoway start-up",
    "+SIM": "card inserted or removed",
    "+XCIEV": "indicator",
    "+XCSQ": "signal",
    "+XREG": "registration",
    "+GTEV": "event",
    "^SIMSLOTURC": "slot changed",
}
"""Prefix to what it tells."""

WORDS = frozenset(
    (
        "RING",
        "RDY",
        "APP RDY",
        "READY",
        "POWERED DOWN",
        "NORMAL POWER DOWN",
        "UNDER-VOLTAGE POWER DOWN",
        "UNDER-VOLTAGE WARNNING",
        "OVER-VOLTAGE POWER DOWN",
        "OVER-VOLTAGE WARNNING",
        "CALL READY",
        "SMS READY",
        "SMS DONE",
        "PB DONE",
        "CPIN READY",
        "PHONEBOOK READY",
        "OPL DONE",
        "PNN DONE",
        "+PBREADY",
        "+SIM READY",
        "+SIM DROP",
        "+ZEND",
        "+SYSSTART",
        "+SHUTDOWN",
        "^SSIM READY",
        "^SHUTDOWN",
        "^SMSO",
        "MODEM:STARTUP",
        "*EMRDY",
        "START",
        "SIM REMOVED",
        "SIM INSERTED",
        "+E_UTRAN SERVICE",  # Luat Air780E
    )
)
"""Whole lines, in upper case."""

STARTS = ("^SYSSTART", "+PACSP", "RING ", "*PSUTTZ")
"""Beginnings of lines without a colon, as ``^SYSSTART AIRPLANE MODE`` and ``+PACSP0``."""


def prefix_of(line: str) -> str:
    """Return the prefix of a line in upper case, without its colon; ``""`` when it has none.

    >>> prefix_of("+QSIMSTAT : 1,0"), prefix_of("865284040000014")
    ('+QSIMSTAT', '')
    """
    return split_prefix(line)[0].upper()


def is_urc(line: str) -> bool:
    """Tell whether a line is one of the known unsolicited result codes.

    True says that the line *may* have come unasked: ``+CPIN: READY`` is also an answer.

    >>> is_urc("+CMTI: \\"SM\\",1"), is_urc("Call Ready"), is_urc("+ICCID: 8986")
    (True, True, False)
    """
    upper = line.strip().upper()
    return upper in WORDS or upper.startswith(STARTS) or prefix_of(upper) in PREFIXES


ANSWERED_AS: dict[str, str] = {
    "+CICCID": "+ICCID",  # SIMCom
    "+ZPAS": "+BEARTYPE",  # ZTE
    "+ZGETICCID": "+ICCID",
}
"""Commands whose answer carries another command's prefix."""


def asked_prefixes(line: str) -> frozenset[str]:
    """Return the prefixes an answer to this command line may carry.

    >>> sorted(asked_prefixes("AT+COPS=3,0;+CPIN?")), asked_prefixes("ATI")
    (['+COPS', '+CPIN'], frozenset())
    """
    upper = line.strip().upper()
    found: set[str] = set()
    for command in upper.removeprefix("AT").split(";"):
        if command[:1] not in SIGILS or not command:
            continue
        end = 1
        while end < len(command) and (command[end].isalnum() or command[end] == "_"):
            end += 1
        name = command[:end]
        found.add(name)
        if name in ANSWERED_AS:
            found.add(ANSWERED_AS[name])
    return frozenset(found)
