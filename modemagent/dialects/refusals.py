"""Reasons why a command line is not sent: what it would do, or that modemagent has no row for it.

The table explains a refusal and never permits a line: :mod:`modemagent.dialects.allowlist` decides.
"""

from __future__ import annotations

import re

from modemagent.dialects.allowlist import MAX_LINE, is_allowed
from modemagent.errors import LineRefused

#: Beginning of a command after ``AT``, as a pattern, and what the command does. First match counts.
_EFFECTS = (
    # numbers of the modem, and the memory that holds them
    (r"\+EGMR=1|\+EGMREXT=1|\+GTSN=1|\+LCTSN=1|\+SPIMEI=|\+SIMEI=|\^PHYNUM=|\^CIMEI|\+CFSN=",
     "writes the IMEI or the serial number"),
    (r"\^NV|!NV|\+QNV|\+NVM|#NV", "writes to the memory of the module, which may be damaged"),
    (r"!ENTERCND|!OPENLOCK|\^DATALOCK|!RMARESET|\$QCDMG|\+EDLOAD|\+QDOWNLOAD",
     "opens a service mode of the module"),
    # PIN and locks: TS 27.007 clauses 7.4, 7.5, 8.3
    (r"\+CPIN=|\^CPIN=|\*EPIN=", "enters a PIN or PUK, and a wrong one can block the SIM"),
    (r"\+CPWD=|\^CPWD=|\+CLCK=|\^CLCK=|\^CARDLOCK=|\+CSLCK",
     "changes a PIN or a lock, and a wrong code can block the SIM"),
    # files and applications of the SIM: TS 27.007 clauses 8.17, 8.18, 8.43 to 8.46
    (r"\+CRSM=(214|220)", "writes to a file of the SIM"),
    (r"\+CRSM=|\+CSIM=|\+CGLA=|\+CCHO=|\+CCHC=|\+CRLA=",
     "sends a command to the SIM that may change it"),
    (r"\+QESIM=|\+GTESIMCFG|\+CSUS=", "changes the profile of the SIM"),
    (r"\+QUIMSLOT=|\+QDSIM=|\^?\+?SWITCH_SLOT=|\+GTDUALSIM=|\+SMSIMCFG=|\+SIMCROSS=|\^SIMSLOT="
     r"|\^SIMSWITCH|\^SCICHG|!UIMS=|\+QSIMDET=|#SIMSELECT=", "changes the SIM slot"),
    # power and radio: TS 27.007 clause 8.2
    (r"\+CFUN=", "switches the radio on or off, or restarts the modem"),
    (r"\+QPOWD|\+CPOWD|\+CPOF|\+CPWROFF|\+CRESET|!RESET|\^RESET|#REBOOT|#SHDN|\^SMSO|\+QFASTBOOT"
     r"|\+TRB|\+NRB|\+ZRST|\+MRST|\+QRST|\+SQNSSHDN", "switches the modem off or restarts it"),
    # network: TS 27.007 clauses 7.3 and 10.1
    (r"\+COPS=\?", "searches for networks, which takes minutes and interrupts the connection"),
    (r"\+COPS=|\+QNWLOCK|\^SYSCFG|!SELRAT=|\+CNMP=|\+WS46=|!BAND=|\+QNWPREFCFG=|#BND=",
     "selects a network, a technology or a band"),
    (r"\+CGDCONT=|\+QICSGP=|\+CGAUTH=", "changes the access point of a data connection"),
    (r"\+CGATT=|\+CGACT=|\+CGDATA|\+QIACT=|\+QIDEACT|\+CNACT=|\^NDISDUP|\$QCRMCALL|#SGACT="
     r"|\+GTRNDIS=|\+NETOPEN$|\+NETCLOSE|\*99", "connects or disconnects data"),
    (r"D|A$|H|O$|\+\+\+", "starts, accepts or ends a call or a data connection"),
    (r"\+CMG[SWDCR]|\+CMSS|\+CMGL|\+CNMI=|\+CPMS=|\+CMGF=",
     "sends, changes or deletes text messages, or their settings"),
    (r"\+CUSD=", "sends a request to the network"),
    # settings: V.250 clauses 6.1 and 6.2
    (r"&F|Z", "resets the settings, also those of other programs"),
    (r"&W|&V?[A-UX-Y]", "changes or stores the settings of the port"),
    (r"\+IPR=|\+ICF=|\+IFC=", "changes the speed or flow control of the port"),
    (r"\+SETUSB=|!USB|\^SETPORT=|\+USBCFG|#USBCFG=|\+CUSBPIDSWITCH=|\+GTUSBMODE=|\+ZSWITCH",
     "changes the USB ports of the modem"),
    (r"E\d?|V\d?|Q\d?|X\d?|S\d+=|\+CMEE=|\+CREG=|\+CGREG=|\+CEREG=|\+C5GREG=|\+CSCS=",
     "changes a setting of the session"),
)  # fmt: skip
#: Not a query (``?``, ``=?``) and not a bare command: a value is given.
_SETS_VALUE = r"[+!#^%*$_&]\w+=(?!\?)"
_HINT = "modemagent sends read-only commands only."


def require_allowed(line: str, way_out: str = "") -> None:
    """Check that a complete command line may be written to a modem.

    :param way_out: how to send the line without modemagent
    :raises LineRefused: it is too long, or might change a modem, a SIM card or a setting
    """
    if len(line) > MAX_LINE:
        raise LineRefused(
            f"a line of {len(line)} characters was not sent: a command line has at most {MAX_LINE}",
            hint="Send the commands in several lines.",
        )
    if not is_allowed(line):
        raise refusal(line, way_out)


def refusal(line: str, way_out: str = "") -> LineRefused:
    """Return the error for a line that is not on the allow-list.

    :param way_out: as in :func:`require_allowed`

    >>> refusal("at+cfun=0").message
    "'at+cfun=0' was not sent: it switches the radio on or off, or restarts the modem"
    """
    way_out = way_out or "Use a terminal program for this command."
    return LineRefused(f"{line!r} was not sent: {_reason(line)}", hint=f"{_HINT} {way_out}")


def _reason(line: str) -> str:
    text = line.strip().upper()
    if not text.startswith("AT"):
        return "it does not begin with AT"
    commands = [each for each in text[2:].split(";") if not is_allowed(f"AT{each}")] or [text[2:]]
    for command in commands:
        for pattern, effect in _EFFECTS:
            if re.match(pattern, command):
                return f"it {effect}"
    if any(re.match(_SETS_VALUE, each) for each in commands):
        return "it sets a value that modemagent does not recognize as a read"
    return "it is unknown to modemagent, so it may change something"
