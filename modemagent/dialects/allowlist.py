"""The allow-list: every complete command line that may ever be written to a modem.

Read and write forms often differ only in an argument (``AT+EGMR=0,7`` reads an IMEI,
``AT+EGMR=1,7`` writes one), so complete lines are listed, never prefixes. The list is written by
hand and not derived from the dialect tables: a row with another command fails the table test, and
the channel refuses it at run time.

The list contains reads, and volatile settings of the session (echo, result and error format),
which no module stores without a further command.
"""

from __future__ import annotations

import re
from typing import Final

#: Maximum length of a command line in characters, which are bytes: only ASCII is sent. The longest
#: line on the list has 52; concatenated lines may be longer.
MAX_LINE: Final = 512

SESSION = frozenset(
    (
        "AT",
        *("ATE0", "ATE1"),  # echo: V.250 clause 6.2.4, volatile
        *("ATV1", "ATV0"),  # verbose results: V.250 clause 6.2.6; ATV0 only to restore it
        *("AT+CMEE=0", "AT+CMEE=1", "AT+CMEE=2"),  # error format: TS 27.007 clause 9.1, volatile
    )
)

READS = frozenset(
    (
        # manufacturer, model, firmware: TS 27.007 clauses 5.1 to 5.3, V.250 6.1
        *("ATI", "ATI1", "ATI8", "ATI9"),
        *("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGMI?", "AT+CGMM?", "AT+CGMR?"),
        *("AT+GMI", "AT+GMM", "AT+GMR", "AT+GMI?", "AT+GMM?", "AT+GMR?"),
        *("AT+GTPKGVER?", "AT+MYGMR", "AT+SIMCOMATI", "AT+GCAP"),
        # numbers of the modem: TS 27.007 clause 5.4
        *("AT+CGSN", "AT+CGSN?", "AT+CGSN=?", "AT+CGSN=0", "AT+CGSN=1", "AT+CGSN=2", "AT+CGSN=3"),
        *("AT+GSN", "AT+GSN?", "AT+GSN=?", "AT+GSN=0", "AT+GSN=1"),
        *("AT#CGSN", "AT#CGSN=2"),  # Telit: selects the number, as AT+CGSN=2; nothing is stored
        "AT+IMEISV",  # Telit LE910 V2
        *("AT+KGSN=1", "AT+KGSN=3"),  # Sierra HL: IMEISV, serial number; selects the number
        *("AT+CFSN", "AT+CFSN?"),  # Fibocom: serial number (AT+GTSN=1,... writes it)
        # state of the SIM
        *("AT+CPIN?", "AT+CFUN?", "AT+CMEE?"),
        "AT+CPINR",  # attempts left for each code: TS 27.007 clause 8.65
        *("AT+QINISTAT", "AT+QSIMSTAT?", "AT+QSIMDET?"),
        *("AT+CSMINS?", "AT#QSS?", 'AT^SIND="simstatus",2'),
        # numbers of the SIM
        *("AT+CCID", "AT+CCID?", "AT+ICCID", "AT+ICCID?", "AT^ICCID?", "AT!ICCID?", "AT*ICCID?"),
        *("AT+NCCID", "AT+NCCID?"),  # HiSilicon based NB-IoT modules
        *("AT+QCCID", "AT+CICCID", "AT+ZGETICCID", "AT+SQNCCID", "AT+SQNCCID?"),
        *("AT+MCCID", "AT+ECICCID", "AT+GETICCID"),  # OneMO, EigenComm, ZTE's CDMA modules
        *("AT^SCID", "AT#CCID", "AT%XICCID", "AT%ICCID", "AT%CCID", "AT$MYCCID"),
        *("AT+CIMI", "AT+CIMI?", "AT#CIMI"),
        *('AT+QESIM="eid"', "AT+EID?"),  # AT+EID?: Fibocom FM350
        # elementary files: READ BINARY of EF_ICCID, EF_IMSI, EF_AD, EF_SPN (TS 31.102 clause 4.2)
        *("AT+CRSM=176,12258,0,0,10", "AT+CRSM=176,28423,0,0,9"),
        *("AT+CRSM=176,28589,0,0,4", "AT+CRSM=176,28486,0,0,17"),
        # slots, read forms only: with a number after "=" each of them switches the slot
        *("AT+QUIMSLOT?", "AT+QUIMSLOT=?"),  # the test form returns the slots that exist
        *("AT+QDSIM?", "AT+SWITCH_SLOT?", "AT^SWITCH_SLOT?", "AT+GTDUALSIM?"),
        *("AT+SMSIMCFG?", "AT+SIMCROSS?", "AT^SIMSLOT?", "AT!UIMS?"),
        # network and signal; AT+CGDCONT? is for access points: TS 27.007 clause 10.1.1
        *("AT+CSQ", "AT+CESQ", "AT+CREG?", "AT+CGREG?", "AT+CEREG?", "AT+C5GREG?", "AT+COPS?"),
        *("AT+CGATT?", "AT+CGDCONT?", "AT+CCLK?", "AT+CNUM", "AT+CLAC", "AT+CEER"),
        *("AT+QNWINFO", "AT+CPSI?"),
        # signal of the serving cell, for diagnose and watch: see diagnostic_reads.py
        *('AT+QENG="servingcell"', "AT+QCSQ", "AT!GSTATUS?", "AT#RFSTS", "AT+UCGED?"),
        *("AT^HCSQ?", "AT+GTCCINFO?", "AT+XCESQ?", "AT%XMONITOR", "AT^SMONI"),
        # technologies and bands that may be used, supply: modemagent/dialects/diagnostic_reads.py
        *('AT+QCFG="nwscanmode"', 'AT+QCFG="iotopmode"', 'AT+QCFG="band"'),
        *('AT+QNWPREFCFG="mode_pref"', 'AT+QNWPREFCFG="lte_band"'),
        *("AT+CNMP?", "AT+CMNB?", "AT+CNBP?", "AT!SELRAT?", "AT+WS46?", "AT+URAT?"),
        *("AT^SYSCFGEX?", "AT+GTACT?", "AT^SXRAT?", "AT%XSYSTEMMODE?", "AT!PCVOLT?"),
        # data connections: TS 27.007 clauses 10.1.10, 10.1.14, 10.1.23
        *("AT+CGACT?", "AT+CGPADDR", "AT+CGCONTRDP"),
        # attempts left for PIN and PUK, beside AT+CPINR
        *("AT+QPINC?", "AT+SPIC", "AT#PCT", "AT+UPINCNT", "AT^SPIC", "AT^CPIN?", "AT+CPINC?"),
        *("AT*EPIN?", "AT_OERCN?", "AT%CPININFO", "AT+EPINC?"),
    )
)

#: Reads that no identification sends, for ``modemagent at``. Sources: the manuals that the decoders
#: of these lines in :mod:`modemagent.explain` cite.
TERMINAL_READS = frozenset(
    (
        # TS 27.007: activity, supply, data connections, power saving, names of operators
        *("AT+CPAS", "AT+CBC", "AT+CSCON?", "AT+COPN"),
        *("AT+CPSMS?", "AT+CEDRXS?", "AT+CEDRXRDP", "AT+CSPN?"),
        # Quectel: cells, carriers, antennas, temperature, data connections, attempts left
        *('AT+QENG="neighbourcell"', "AT+QCAINFO", "AT+QCAINFO?"),
        *("AT+QRSRP", "AT+QRSRP?", "AT+QRSRQ", "AT+QRSRQ?", "AT+QSINR", "AT+QSINR?"),
        *("AT+QTEMP", "AT+QTEMP?", "AT+QIACT?", "AT+QGMR"),
        # SIMCom
        *("AT+CNSMOD?", "AT+CMTE?", "AT+CPMUTEMP", "AT+CNACT?", "AT+NETOPEN?"),
        # Telit; AT#TEMPMON=1 measures once, AT#TEMPMON=0,... sets what happens at a temperature:
        # LE910 V2 AT reference guide 80446ST10707A
        *("AT#CBC", "AT#PSNT?", "AT#TEMPMON=1"),
        # Sierra; the number selects what AT*CNTI reads, 0 the technology in use, 2 those that the
        # modem has: ModemManager, which sends both
        *("AT!PCTEMP?", "AT*CNTI=0"),
        # Huawei
        *("AT^SYSINFO", "AT^SYSINFOEX", "AT^CHIPTEMP?", "AT^MONSC", "AT^MONNC"),
        # Cinterion
        *("AT^SCTM?", "AT^SBV", "AT^SCKS?"),
        # u-blox
        "AT+UTEMP?",
        # Nordic
        *("AT%XTEMP?", "AT%XVBAT", "AT%XSIM?"),
        # Fibocom and Intel XMM
        *("AT+GTRNDIS?", "AT+RSRP?", "AT+RSRQ?"),
        # values that a command accepts: TS 27.007 clause 4. AT+COPS=? would search for networks
        *(f"AT+{name}=?" for name in (
            "CBC", "CCLK", "CEDRXS", "CEREG", "CESQ", "CFUN", "CGACT", "CGATT", "CGCONTRDP",
            "CGDCONT", "CGPADDR", "CGREG", "CMEE", "CPAS", "CPIN", "CPINR", "CPSMS", "CREG",
            "CSCON", "CSQ", "C5GREG", "QCSQ", "QENG", "QNWINFO",
        )),
    )
)  # fmt: skip

#: Reading the EID of an eUICC over a logical channel (3GPP TS 27.007 clauses 8.43 to 8.46). These
#: lines contain a session or channel number, so they are patterns; everything else is fixed.
_SESSION = r"[0-9A-F]{1,16}"
EUICC_READS = (
    # open a channel to the ISD-R or the ECASD, no other application (SGP.02 clause 2.2.3)
    r'AT\+CCHO="A0000005591010FFFFFFFF8900000[12]00"',
    # ES10c.GetEID (SGP.22 clause 5.7.20) and ES10b.GetEUICCInfo2 (5.7.8) in STORE DATA, which
    # only read
    rf'AT\+CGLA={_SESSION},22,"(8[0-3]|C[0-9A-F])E2910006BF3E035C015A"',
    rf'AT\+CGLA={_SESSION},16,"(8[0-3]|C[0-9A-F])E2910003BF2200"',
    # GET DATA of the EID at the ECASD (SGP.02 clause 4.1.1.1), GET RESPONSE (ISO 7816-4)
    rf'AT\+CGLA={_SESSION},10,"(8[0-3]|C[0-9A-F])CA005A12"',
    rf'AT\+CGLA={_SESSION},10,"([08][0-3]|C[0-9A-F]|4[0-9A-F])C00000[0-9A-F][0-9A-F]"',
    rf"AT\+CCHC={_SESSION}",
)

PERMITTED = SESSION | READS | TERMINAL_READS


def is_allowed(line: str) -> bool:
    """Return True if a complete command line may be written to a modem.

    Case and surrounding spaces are ignored. A concatenated line (V.250 clause 5.2.1,
    ``AT+CGMI;+CGMM``) is allowed if each of its commands is.

    >>> is_allowed("at+cgsn"), is_allowed("AT+CGMI;+CGSN=1"), is_allowed("AT+EGMR=1,7,\\"35\\"")
    (True, True, False)
    """
    if len(line) > MAX_LINE or not (line.isascii() and line.isprintable()):
        return False
    text = line.strip().upper()
    if text in _UPPER:
        return True
    if any(re.fullmatch(pattern, text) for pattern in EUICC_READS):
        return True
    if ";" not in text or not text.startswith("AT"):
        return False
    return all("AT" + part in _UPPER for part in text[2:].split(";"))


_UPPER = frozenset(entry.upper() for entry in PERMITTED)
