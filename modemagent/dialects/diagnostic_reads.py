"""Reads of the makers that no identification sends: the signal of the cell, attempts left.

Keys are names of dialects. Every line is a pure read and on the allow-list; a modem that does not
have its command refuses it, and ``diagnose`` and ``watch`` use the standard's commands alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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

#: Technologies and bands that a modem without a network may use: the read, and the line that allows
#: all of them, which is never sent; "" if it depends on the model.
SELECTION: Mapping[str, tuple[tuple[str, str], ...]] = {
    "quectel": (
        # EC2x/EG9x, BG95/BG77 and RG50xQ/RM5xxQ AT commands manuals
        ('AT+QCFG="nwscanmode"', 'AT+QCFG="nwscanmode",0,1'),
        ('AT+QCFG="iotopmode"', 'AT+QCFG="iotopmode",2,1'),
        ('AT+QCFG="band"', ""),
        ('AT+QNWPREFCFG="mode_pref"', 'AT+QNWPREFCFG="mode_pref",AUTO'),
        ('AT+QNWPREFCFG="lte_band"', ""),
    ),
    # SIM7500/SIM7600 and SIM7000 AT command manuals
    "simcom": (("AT+CNMP?", "AT+CNMP=2"), ("AT+CMNB?", "AT+CMNB=3"), ("AT+CNBP?", "")),
    "sierra": (("AT!SELRAT?", "AT!SELRAT=00"),),  # EM74xx AT command reference
    "telit": (("AT+WS46?", "AT+WS46=25"),),  # TS 27.007 clause 5.9
    "ublox": (("AT+URAT?", ""),),  # u-blox AT commands manuals
    "huawei": (("AT^SYSCFGEX?", 'AT^SYSCFGEX="00",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,'),),
    "fibocom": (("AT+GTACT?", ""),),  # FM150 AT commands manual
    "cinterion": (("AT^SXRAT?", ""),),  # PLS62 AT command set
    # nRF91 AT commands reference guide
    "nordic": (("AT%XSYSTEMMODE?", "AT%XSYSTEMMODE=1,1,0,0 (after AT+CFUN=4)"),),
}

#: Supply voltage: TS 27.007 clause 8.4, and the makers' own commands.
STANDARD_SUPPLY: Final = "AT+CBC"
SUPPLY: Mapping[str, tuple[str, ...]] = {
    "telit": ("AT#CBC",),  # LE910 AT commands reference guide
    "cinterion": ("AT^SBV",),  # EHS6 AT command set
    "nordic": ("AT%XVBAT",),  # nRF91 AT reference
    "sierra": ("AT!PCVOLT?",),  # EM74xx AT command reference
}
#: Temperatures of the module.
TEMPERATURE: Mapping[str, tuple[str, ...]] = {
    "quectel": ("AT+QTEMP",),
    "simcom": ("AT+CPMUTEMP",),
    "telit": ("AT#TEMPMON=1",),  # measures once
    "sierra": ("AT!PCTEMP?",),
    "cinterion": ("AT^SCTM?",),
    "ublox": ("AT+UTEMP?",),
    "huawei": ("AT^CHIPTEMP?",),
    "nordic": ("AT%XTEMP?",),
}

#: The slot in use, for a modem without a SIM card whose model is not known to have two slots:
#: makers add slots to further models. Sources: the rows of the dialects for ``slot``.
SLOTS: Mapping[str, tuple[str, ...]] = {
    "quectel": ("AT+QUIMSLOT?", "AT+QDSIM?"),
    "simcom": ("AT+SMSIMCFG?",),
    "fibocom": ("AT+GTDUALSIM?",),
    "sierra": ("AT!UIMS?",),
    "meig": ("AT^SIMSLOT?",),
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
