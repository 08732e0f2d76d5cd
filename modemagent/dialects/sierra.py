"""Sierra Wireless (now Semtech): AirCard, MC/EM, WP and HL families."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_ATI = "traces sierra-wp7702, sierra-em7455b"
#: HL modules with their own firmware, whose ATI returns the model only.
_HL = r"^HL[678]\d{3}"
_KGSN = "Legato's own tests of HL modules (AT+KGSN); "
_TWO_SLOTS = r"^(EM|MC)(74|75|76|91|92)\d\d|^WP7[67]\d\d"
_UIMS = "trace sierra-em7455b; Sierra EM9190 AT reference 41113480 r14"

DIALECT = maker(
    "sierra",
    imei=(Attempt("AT+CGSN", "imei", _ATI), Attempt("ATI", "ati_imei", _ATI)),
    imeisv=(
        Attempt("AT+KGSN=1", "imeisv", _KGSN + "IMEISV by name", models=_HL),
        Attempt("ATI", "ati_imeisv", _ATI),
    ),
    serial_number=(
        Attempt("AT+KGSN=3", "serial", _KGSN + "zephyr hl7800 driver", models=_HL),
        Attempt("ATI", "ati_serial", _ATI),
    ),
    iccid=(
        Attempt("AT+CCID", "iccid", "trace sierra-wp7702"),
        Attempt("AT+ICCID", "iccid", "trace sierra-em7455b"),
        Attempt("AT!ICCID?", "iccid", "trace sierra-em7455b"),
    ),
    slot=(Attempt("AT!UIMS?", "slot_uims", _UIMS, models=_TWO_SLOTS),),
)
