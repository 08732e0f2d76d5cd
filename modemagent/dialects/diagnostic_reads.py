"""Reads of the makers that no identification sends: the signal of the cell, attempts left.

Keys are names of dialects. Every line is a pure read and on the allow-list; a modem that does not
have its command refuses it, and ``diagnose`` and ``watch`` use the standard's commands alone.
"""

from __future__ import annotations

from collections.abc import Mapping

#: RSRP, RSRQ and SINR of the serving cell, which AT+CSQ and AT+CESQ do not report on 5G.
SIGNAL: Mapping[str, tuple[str, ...]] = {
    "quectel": ('AT+QENG="servingcell"', "AT+QCSQ"),  # EC2x/EG9x and RM5xx AT manuals
    "simcom": ("AT+CPSI?",),  # SIM7500/SIM7600, SIM7070, A76xx AT manuals
    "sierra": ("AT!GSTATUS?",),  # EM74xx/MC74xx AT command reference
    "telit": ("AT#RFSTS",),  # LE910, LM960, ME910 AT reference guides
    "ublox": ("AT+UCGED?",),  # SARA-R4/R5, LARA-R6 AT commands manuals
    "huawei": ("AT^HCSQ?",),  # ME909s AT manual
    "fibocom": ("AT+GTCCINFO?",),  # L8-family, FM350, FM150 AT manuals
    "xmm": ("AT+XCESQ?",),  # L8-family AT manual
    "nordic": ("AT%XMONITOR",),  # nRF91 AT commands reference guide
    "cinterion": ("AT^SMONI",),  # PLS8, EXS82 AT command sets; with a number it repeats
}

#: Attempts left for PIN and PUK, if AT+CPINR is refused. Sources: AT manuals of the makers, and
#: the commands of ModemManager's plugins.
ATTEMPTS: Mapping[str, str] = {
    "quectel": "AT+QPINC?",
    "simcom": "AT+SPIC",
    "telit": "AT#PCT",
    "ublox": "AT+UPINCNT",
    "cinterion": "AT^SPIC",
    "huawei": "AT^CPIN?",
    "sierra": "AT+CPINC?",
    "ericsson": "AT*EPIN?",
    "option": "AT_OERCN?",
    "altair": "AT%CPININFO",
    "mediatek": "AT+EPINC?",
}
