"""Quectel: Qualcomm, Unisoc, ASR and NB-IoT based modules."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_EC2X = "Quectel EC2x/EG9x/EG2x-G AT manual; trace quectel-eg25-g"
#: NB-IoT modules: AT+CGSN returns a serial number, and all numbered forms exist.
_NB = r"(^|[ _])BC\d\d"
_NB_MANUALS = "Quectel BC26 AT manual 2.7; Quectel BC660K-GL&BC950K-GL AT manual 2.5"
#: NB-IoT modules with a HiSilicon (Neul) chip.
_NEUL = r"(^|[ _])BC(95|28|35|68)"
#: 4G and 5G families; 2G, 3G and NB-IoT firmware has no eSIM commands.
_ESIM = r"^(E[CGMP]|R[GM]|AG)\d"
_QESIM = "Quectel eSIM AT manual; trace quectel-eg25-g"
#: Two slots, counted from 1.
_TWO_SLOTS = r"^R[GM]5\d\d"
_QUIMSLOT = "trace quectel-rm500u-cnv; Quectel RG5xx/RM5xx AT manual 4.15"
#: Two slots, counted from 0.
_DSIM = r"^(EC80[01]|EG800|EG915|EM06)"
_QDSIM = "tests of an EG915 library and of an EM06 driver; an EC800 and EG800 driver"

DIALECT = maker(
    "quectel",
    imei=(
        Attempt("AT+CGSN=1", "imei", _NB_MANUALS, models=_NB),
        Attempt("AT+CGSN", "imei", _EC2X),
    ),
    # Other families have AT+CGSN=2 and AT+GSN=0 on newer firmware only, and nothing identifies it.
    # They are not sent, so that no identification costs a refused command.
    imeisv=(Attempt("AT+CGSN=2", "imeisv", _NB_MANUALS, models=_NB),),
    iccid=(
        Attempt("AT+NCCID", "iccid", "drivers of BC28 and BC95", models=_NEUL),
        Attempt("AT+QCCID", "iccid", "traces quectel-eg25-g, quectel-bg95-m3"),
    ),
    only={"eid": (Attempt('AT+QESIM="eid"', "eid", _QESIM, 3.0, models=_ESIM),)},
    slot=(
        Attempt("AT+QUIMSLOT?", "slot_number", _QUIMSLOT, models=_TWO_SLOTS),
        Attempt("AT+QDSIM?", "slot_index_of_two", _QDSIM, models=_DSIM),
    ),
    slot_count=(Attempt("AT+QUIMSLOT=?", "slot_count", _QUIMSLOT, models=_TWO_SLOTS),),
    sim_urcs=(r"\+QUSIM(SLOT)?\s?: ?\d",),
    joined="trace quectel-rm500u-cnv; Quectel BC660K-GL&BC950K-GL AT manual 1.2",
)
