"""Sierra Wireless: AirCard, MC/EM, WP and HL78 families."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, first

_ATI = "traces sierra-wp7702, sierra-em7455b"

DIALECT = Dialect(
    name="sierra",
    ladders={
        **GENERIC,
        "imei": first(
            Attempt("AT+CGSN", "", "imei", "traces sierra-wp7702, sierra-em7455b"),
            Attempt("ATI", "", "ati_imei", _ATI),
            then=IMEI,
        ),
        "imeisv": (Attempt("ATI", "", "ati_imeisv", _ATI),),
        "serial_number": (Attempt("ATI", "", "ati_serial", _ATI),),
        "iccid": first(
            Attempt("AT+CCID", "+CCID", "iccid", "trace sierra-wp7702"),
            Attempt("AT+ICCID", "ICCID", "iccid", "trace sierra-em7455b"),
            Attempt("AT!ICCID?", "!ICCID", "iccid", "trace sierra-em7455b"),
            then=ICCID,
        ),
    },
    sim_urcs=(CPIN_URC,),
)
