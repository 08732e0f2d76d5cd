"""The dialects of makers with few commands of their own, in alphabetical order."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, CRSM_ICCID, ICCID, IMEISV, IMSI, maker
from modemagent.dialects.model import Attempt

#: Altair, WNC and Murata modules (Sony Altair chips).
ALTAIR = maker(
    "altair",
    imeisv=IMEISV,
    iccid=(Attempt("AT%CCID", "iccid", "WncController; ModemManager"),),
    sim_urcs=(r"%NOTIFYEV\s?: ?\"?SIMREFRESH",),
)

#: Ericsson mobile broadband modules (MBM), also as Sony Ericsson, Dell, HP, Toshiba.
ERICSSON = maker(
    "ericsson",
    imei=(Attempt("AT+CGSN", "imei", "trace ericsson-md300"),),
    # No ICCID command: READ BINARY of EF_ICCID (ModemManager mbm plugin).
    iccid=(CRSM_ICCID,),
    sim_urcs=(r"\*EMRDY\s?: ?1", CPIN_URC),
)

_FOXCONN = "QModem foxconn driver"
_T99W175 = f"{_FOXCONN}; T99W175 command notes: SIM1 ENABLE"
#: Foxconn T77W and T99W modules, also as Dell DW5821e and DW5930e; Qualcomm based.
FOXCONN = maker(
    "foxconn",
    imei=(
        Attempt("AT+CGSN", "imei", "T99W175 web interface"),
        Attempt("ATI", "ati_imei", _FOXCONN),
    ),
    iccid=(Attempt("AT+ICCID", "iccid", _FOXCONN),),
    slot=(
        Attempt("AT+SWITCH_SLOT?", "slot_enabled", _FOXCONN, models="T99W640"),
        Attempt("AT^SWITCH_SLOT?", "slot_enabled", _T99W175, models=r"T99W(?!640)\d{3}|DW5930e"),
    ),
    joined="T99W175 web interface, which joins commands with semicolons",
)

_GM800 = "koshev-msk/modemfeed, GM800"
#: Gosuncn (GosuncnWelink), formerly ZTE's modules.
GOSUNCN = maker(
    "gosuncn",
    imei=(Attempt("AT+CGSN", "imei", _GM800),),
    iccid=(
        Attempt("AT+ZGETICCID", "iccid", _GM800),
        Attempt("AT+ICCID", "iccid", "QModem gosuncn driver"),
    ),
)

#: Huawei sticks and modules (HiSilicon and Qualcomm based).
HUAWEI = maker(
    "huawei",
    imei=(
        Attempt("AT+CGSN", "imei", "trace huawei-e1752"),
        Attempt("AT+GSN", "imei", "trace huawei-e3372"),
        Attempt("ATI", "ati_imei", "traces huawei-e1752, huawei-e3372"),
    ),
    iccid=(Attempt("AT^ICCID?", "iccid", "traces huawei-e1752, huawei-e3372"),),
    sim_urcs=(r"\^SIMST\s?: ?\d", CPIN_URC),
)

#: Longcheer based sticks: Alcatel One Touch (TCT), Olivetti Olicard, Zoom.
LONGCHEER = maker(
    "longcheer",
    imei=(Attempt("AT+CGSN", "imei", "ModemManager longcheer and x22x plugins"),),
    # No ICCID command: READ BINARY of EF_ICCID (ModemManager longcheer plugin).
    iccid=(CRSM_ICCID,),
)

_SIMCROSS = "Luat 780E SIM application guide (SIM0, SIM1); drivers of Luat modules"
#: Luat (AirM2M): EigenComm EC618 and EC7xx based modules with the maker's AT firmware.
LUAT = maker(
    "luat",
    imei=(Attempt("AT+CGSN", "imei", "trace luat-air780e"),),
    imeisv=IMEISV,
    iccid=(Attempt("AT+ICCID", "iccid", "trace luat-air780e"),),
    slot=(Attempt("AT+SIMCROSS?", "slot_index_of_two", _SIMCROSS, models=r"Air(780E|201)"),),
    # the number of the slot follows SIM REMOVED
    sim_urcs=(r"\+CPIN\s?: ?SIM REMOVED", CPIN_URC),
)

#: MediaTek based sticks under the chip maker's name.
MEDIATEK = maker(
    "mediatek",
    imei=(Attempt("AT+CGSN", "imei", "ModemManager mtk plugin"),),
    # No ICCID command: READ BINARY of EF_ICCID (ModemManager mtk plugin).
    iccid=(CRSM_ICCID,),
)

_SIMSLOT = "trace meig-slm770a; host software of SRM810; QModem meig driver"
#: MeiG Smart modules.
MEIG = maker(
    "meig",
    imei=(Attempt("AT+CGSN", "imei", "trace meig-slm770a"),),
    iccid=(Attempt("AT+ICCID", "iccid", "trace meig-slm770a"),),
    slot=(Attempt("AT^SIMSLOT?", "slot_pairs", _SIMSLOT, models=r"^(SLM770|SRM8\d\d)"),),
    sim_urcs=(r"\^SIMSLOT(URC)?\s?: ?\d", CPIN_URC),
)

_FIRST_FIELD = "QModem neoway driver: the first field, counted from 1"
#: Neoway modules; M590 and similar ones have one slot.
NEOWAY = maker(
    "neoway",
    imei=(Attempt("AT+CGSN", "imei", "trace neoway-m590"),),
    iccid=(Attempt("AT$MYCCID", "iccid", "trace neoway-m590"),),
    slot=(Attempt("AT+SIMCROSS?", "slot_number", _FIRST_FIELD, models=r"^N[5-7]\d"),),
)

_NRF91 = "nRF91 AT reference; trace nordic-nrf9160"
#: Nordic nRF91 with the serial LTE modem application.
NORDIC = maker(
    "nordic",
    imeisv=IMEISV,
    serial_number=(Attempt("AT+CGSN=0", "serial", _NRF91),),
    only={"iccid": (Attempt("AT%XICCID", "iccid", _NRF91), CRSM_ICCID)},
    sim_urcs=(r"%XSIM\s?: ?[01]",),
)

#: Option N.V. (GTM, GlobeTrotter; the hso driver).
OPTION = maker(
    "option",
    imei=(Attempt("AT+CGSN", "imei", "trace option-gtm382: IMEI,SERIAL"),),
    serial_number=(Attempt("AT+CGSN", "serial_second", "trace option-gtm382"),),
    iccid=(CRSM_ICCID,),
    sim_urcs=(r"_OSSYSI\s?: ?\d",),
)

#: Pantech sticks (UMW190, UML290). Elementary files are never read with AT+CRSM, which hangs the
#: UMW190 (ModemManager pantech plugin, mm-sim-pantech.c).
PANTECH = maker(
    "pantech",
    imei=(Attempt("AT+CGSN", "imei", "ModemManager pantech plugin"),),
    only={
        "iccid": tuple(each for each in ICCID if "CRSM" not in each.command),
        "imsi": tuple(each for each in IMSI if "CRSM" not in each.command),
        "mnc_length": (),
    },
)

_GM02S = "walter-modem library (GM02SP); Pycom GPy notes"
#: Sequans Monarch (GM01Q, GM02S, Renesas RYZ014A, Pycom GPy, DPTechnics Walter).
SEQUANS = maker(
    "sequans",
    imeisv=(Attempt("AT+CGSN=2", "imeisv", _GM02S),),
    iccid=(Attempt("AT+SQNCCID", "iccid", "trace sequans-monarch"),),
    sim_urcs=(),
)

#: u-blox: LISA, SARA, LARA and TOBY series. The SARA-R4 manual shows AT+CGSN=2 but notes that some
#: firmware of the series does not accept it, so it is not sent.
UBLOX = maker(
    "ublox",
    imei=(Attempt("AT+CGSN", "imei", "traces ublox-sara-g350, ublox-sara-r410m"),),
    only={
        "iccid": (
            Attempt("AT+CCID", "iccid", "traces ublox-sara-g350, ublox-sara-r410m"),
            Attempt("AT+CCID?", "iccid", "trace ublox-sara-g350"),
            CRSM_ICCID,
        )
    },
    sim_urcs=(r"\+UUSIMSTAT\s?: ?\d", CPIN_URC),
    joined="u-blox SARA-R4/N4 AT commands manual UBX-17003787 R09, 1.1.4.1",
)

#: Wavecom, and Sierra's HL modules of that line.
WAVECOM = maker(
    "wavecom",
    imei=(Attempt("AT+CGSN", "imei", "trace wavecom-multiband"),),
    only={
        # No final result follows +CPIN. The line is used at the deadline, which is short therefore.
        "sim_state": (Attempt("AT+CPIN?", "sim_state", "trace wavecom-multiband", 1.0),),
        "iccid": (
            Attempt("AT+CCID", "iccid", "Wavecom AT manual"),
            Attempt("AT+CCID?", "iccid", "ModemManager wavecom plugin"),
            CRSM_ICCID,
        ),
    },
    sim_urcs=(r"\+WIND\s?: ?[01]$",),
    sim_wait_s=30.0,
)

#: Intel XMM modems (7360, 7560 and their forerunners) under Intel's own name.
XMM = maker(
    "xmm",
    imei=(Attempt("AT+CGSN", "imei", "ModemManager xmm plugin"),),
    # +XSIM comes after AT+XSIMSTATE=1 (ofono ifx plugin), which modemagent does not send
    sim_urcs=(r"\+XSIM\s?: ?\d", CPIN_URC),
)

#: ZTE sticks and modules. +ZUSIMR repeats endlessly on some sticks and does not mean a SIM change.
ZTE = maker(
    "zte",
    imei=(
        Attempt("AT+CGSN", "imei", "trace zte-mf627"),
        Attempt("ATI", "ati_imei", "trace zte-mf627"),
    ),
    iccid=(Attempt("AT+ZGETICCID", "iccid", "driver of MG2639"),),
)
