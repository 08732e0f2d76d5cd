"""Sierra Wireless (now Semtech): AirCard, MC/EM, WP and HL families."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

_ATI = "traces sierra-wp7702, sierra-em7455b"
#: HL modules with their own firmware, whose ATI returns the model only.
_HL = r"^HL[678]\d{3}"
_KGSN = "Legato's own tests of HL modules (AT+KGSN); "

DIALECT = Dialect(
    name="sierra",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "traces sierra-wp7702, sierra-em7455b"),
            Attempt("ATI", "", "ati_imei", _ATI),
            then=IMEI,
        ),
        "imeisv": (
            Attempt("AT+KGSN=1", "+KGSN", "imeisv", _KGSN + "IMEISV by name", models=_HL),
            Attempt("ATI", "", "ati_imeisv", _ATI),
        ),
        "serial_number": (
            Attempt("AT+KGSN=3", "+KGSN", "serial", _KGSN + "zephyr hl7800 driver", models=_HL),
            Attempt("ATI", "", "ati_serial", _ATI),
        ),
        "iccid": then_generic(
            Attempt("AT+CCID", "+CCID", "iccid", "trace sierra-wp7702"),
            Attempt("AT+ICCID", "ICCID", "iccid", "trace sierra-em7455b"),
            Attempt("AT!ICCID?", "!ICCID", "iccid", "trace sierra-em7455b"),
            then=ICCID,
        ),
        "slot": (
            Attempt(
                "AT!UIMS?",
                "!UIMS",
                "slot_uims",
                "trace sierra-em7455b; Sierra EM9190 AT reference 41113480 r14",
                models=r"^(EM|MC)(74|75|76|91|92)\d\d|^WP7[67]\d\d",
            ),
        ),
    },
    sim_urcs=(CPIN_URC,),
)
