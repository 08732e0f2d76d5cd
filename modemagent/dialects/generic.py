"""The generic dialect: commands of 3GPP TS 27.007 and V.250, then the makers' usual ones."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.dialects.table_types import Attempt, Dialect, Ladder

_27007 = "3GPP TS 27.007 clause "
#: URCs of the SIM that modules of several makers send, whatever word or number follows.
SIM_URCS = (
    # the form of the response: most makers; +ECPIN: EigenComm; ^CPIN: Huawei
    r"(\+E?|\^)CPIN\s?:",
    r"CPIN READY$",
    r"\+SIM\s?: ?(Inserted|Removed)",  # Fibocom
    r"\+SIM (DROP|READY)",
    r"\+SIMCARD\s?:",  # SIMCom: NOT AVAILABLE
    r"\+CSMINS\s?: ?\d,[01]",  # SIMCom
    r"\*ISIM",  # ASR based modules, after the start of a SIM: *ISIMAID
    r"SIM (REMOVED|INSERTED|CRASH)$",  # SIM900, MobileTek L511
    r"\^SIMST\s?: ?\d",  # Huawei, and OneMO modules
    r"#QSS\s?: ?[0-3]$",  # Telit
    r"\+QSIMSTAT\s?: ?\d,[012]",  # Quectel
    r"\+ESIMS\s?: ?\d",  # MediaTek
    # Intel XMM, also under other names; after AT+XSIMSTATE=1 (ofono ifx plugin), never sent here
    r"\+XSIM\s?: ?\d",
    r"\$QCSIMSTAT\s?: ?\d",  # Qualcomm
)
_SIMCOMATI = "trace simcom-a7670; the only block of some SIMCom modules"
_V250 = "ITU-T V.250 clause 6.1"

MANUFACTURER = (
    Attempt("AT+CGMI", "text", _27007 + "5.1"),
    Attempt("AT+GMI", "text", _V250 + ".4"),
    Attempt("AT+CGMI?", "text", "trace fibocom-fm350-gl"),
    Attempt("ATI", "ati_manufacturer", _V250 + ".3; trace huawei-e3372"),
    Attempt("AT+SIMCOMATI", "ati_manufacturer", _SIMCOMATI),
)
MODEL = (
    Attempt("AT+CGMM", "model", _27007 + "5.2"),
    Attempt("AT+GMM", "model", _V250 + ".5"),
    Attempt("AT+CGMM?", "model", "trace fibocom-fm350-gl"),
    Attempt("AT+GMM?", "model", "trace fibocom-l850-gl"),
    Attempt("ATI", "ati_model", _V250 + ".3; trace huawei-e3372"),
    Attempt("AT+SIMCOMATI", "ati_model", _SIMCOMATI),
)
FIRMWARE = (
    Attempt("AT+CGMR", "revision", _27007 + "5.3"),
    Attempt("AT+GMR", "revision", _V250 + ".6"),
    Attempt("AT+CGMR?", "revision", "QModem fibocom driver"),
    Attempt("AT+GMR?", "revision", "trace fibocom-fm350-gl"),
    Attempt("ATI", "ati_revision", _V250 + ".3; trace huawei-e3372"),
    Attempt("AT+SIMCOMATI", "ati_revision", _SIMCOMATI),
)
# AT+CGSN=1 first: AT+CGSN may return a maker's serial number of 15 characters.
IMEI = (
    Attempt("AT+CGSN=1", "imei", _27007 + "5.4"),
    Attempt("AT+CGSN", "imei", _27007 + "5.4"),
    Attempt("AT+CGSN?", "imei", "trace fibocom-fm350-gl"),
    Attempt("AT+GSN", "imei", _V250 + ".7"),
    Attempt("ATI", "ati_imei", "traces huawei-e1752, zte-mf627, sierra-wp7702"),
    Attempt("AT+SIMCOMATI", "ati_imei", _SIMCOMATI),
)
IMEISV = (Attempt("AT+CGSN=2", "imeisv", _27007 + "5.4"),)
SIM_STATE = (Attempt("AT+CPIN?", "sim_state", _27007 + "8.3"),)
CRSM_ICCID = Attempt("AT+CRSM=176,12258,0,0,10", "crsm_iccid", "TS 27.007 8.18; TS 102 221 13.2")
ICCID = (
    Attempt("AT+CCID", "iccid", "traces quectel-rm500u-cnv, ublox-sara-g350"),
    Attempt("AT+ICCID", "iccid", "traces fibocom-fm350-gl, meig-slm770a"),
    Attempt("AT+QCCID", "iccid", "trace quectel-eg25-g"),
    Attempt("AT^ICCID?", "iccid", "trace huawei-e3372"),
    Attempt("AT#CCID", "iccid", "trace telit-ge910-quad"),
    Attempt("AT!ICCID?", "iccid", "trace sierra-em7455b"),
    Attempt("AT%XICCID", "iccid", "trace nordic-nrf9160"),
    Attempt("AT+CICCID", "iccid", "trace simcom-a7670", prefix="+ICCID"),
    CRSM_ICCID,
)
#: Commands of makers whose modems also have names that are not in the catalogue.
_ICCID_OF_OTHERS = (
    Attempt("AT+SQNCCID", "iccid", "trace sequans-monarch"),
    Attempt("AT^SCID", "iccid", "trace cinterion-ehs6"),
    Attempt("AT$MYCCID", "iccid", "trace neoway-m590"),
    Attempt("AT%CCID", "iccid", "WncController; ModemManager altair plugin"),
    Attempt("AT+CCID?", "iccid", "trace ublox-sara-g350"),
    Attempt("AT+NCCID", "iccid", "drivers of BC28, BC95 and M5310"),
    Attempt("AT+ZGETICCID", "iccid", "driver of MG2639; koshev-msk/modemfeed, GM800"),
    Attempt("AT*ICCID?", "iccid", "obsy/modemdata; drivers of ASR based modules"),
    Attempt("AT+MCCID", "iccid", "drivers of ML307R, ML307A and ML302"),
    Attempt("AT+ECICCID", "iccid", "drivers of EC616 and EC718 modules"),
    Attempt("AT+SQNCCID?", "iccid", "Pycom GPy library; drivers of GM01Q and RYZ014A"),
    Attempt("AT+GETICCID", "iccid", "drivers of ZTE CDMA modules (MC8618)"),
    Attempt("AT+ICCID?", "iccid", "manual of a DTU with an ASR based module"),
    Attempt("AT+NCCID?", "iccid", "mbed-os driver of BC95"),
    Attempt("AT%ICCID", "iccid", "zephyr driver of nRF93M1"),
)
IMSI = (
    Attempt("AT+CIMI", "imsi", _27007 + "5.6"),
    Attempt("AT+CIMI?", "imsi", "trace fibocom-fm350-gl"),
    Attempt("AT+CRSM=176,28423,0,0,9", "crsm_imsi", "TS 27.007 8.18; TS 31.102 4.2.2"),
)
_EID_BESIDE = "traces sierra-wp7702, sequans-monarch: the field after the ICCID"
EID = (
    Attempt("AT+CCID", "eid", _EID_BESIDE, only_if_cached=True),
    Attempt("AT+SQNCCID", "eid", _EID_BESIDE, only_if_cached=True),
    Attempt("AT+SQNCCID?", "eid", _EID_BESIDE, only_if_cached=True),
)
MNC_LENGTH = (Attempt("AT+CRSM=176,28589,0,0,4", "crsm_ad", "TS 27.007 8.18; TS 31.102 4.2.18"),)

#: The generic ladders, which every maker's dialect has unless its table replaces them. The IMEISV
#: is read only if a maker's table has an attempt for it, which may be IMEISV.
GENERIC: Mapping[str, Ladder] = {
    "manufacturer": MANUFACTURER,
    "model": MODEL,
    "firmware": FIRMWARE,
    "imei": IMEI,
    "sim_state": SIM_STATE,
    "iccid": ICCID,
    "imsi": IMSI,
    "eid": EID,
    "mnc_length": MNC_LENGTH,
}

DIALECT = Dialect(
    name="generic",
    ladders={
        **GENERIC,
        "imeisv": IMEISV,
        "imei": (*IMEI, Attempt("AT#CGSN", "imei", "trace telit-ge910-quad")),
        "iccid": (*ICCID, *_ICCID_OF_OTHERS),
        "imsi": (*IMSI, Attempt("AT#CIMI", "imsi", "trace telit-ge910-quad")),
    },
    sim_urcs=SIM_URCS,
)


def maker(
    name: str,
    *,
    only: Mapping[str, Ladder] | None = None,
    sim_urcs: tuple[str, ...] = (),
    sim_wait_s: float = 20.0,
    joined: str = "",
    **first: Ladder,
) -> Dialect:
    """Return the dialect of a maker; the parameters not described here are those of a dialect.

    :param sim_urcs: URCs of this maker beside :data:`SIM_URCS`
    :param only: attempts that replace the generic ladder of a value
    :param first: attempts that are made before those of the generic ladder of a value; one for all
        models replaces the generic attempt with the same command
    """
    ladders = {**GENERIC, **(only or {})}
    for field, own in first.items():
        done = {attempt.command for attempt in own if not attempt.models}
        generic = GENERIC.get(field, ())
        ladders[field] = (*own, *(each for each in generic if each.command not in done))
    return Dialect(name, ladders, (*sim_urcs, *SIM_URCS), sim_wait_s, joined)
