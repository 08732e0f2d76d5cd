"""Columns of an order file, with the names that files have for them, and what each may hold.

The bench and the registry read the same files.

>>> parse_row_field("imei", "867698040000013")
'86769804000001'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modemagent.errors import UsageError
from modemagent.identity.cleaning import is_decimal
from modemagent.identity.csv_cells import LONGEST, clean_text
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi

NUMBERS = ("imei", "iccid", "eid", "imsi")
ROW_FIELDS = (
    "lot", "manufacturer", "model", "firmware", "tac", "imei", "iccid", "eid", "imsi",
    "serial_number", "sim", "label", "label_template", "asset_tag", "site", "owner", "note",
)  # fmt: skip
ORDER_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "order": ("order", "ordernumber", "purchaseorder", "po", "ponumber"),
    "quantity": ("quantity", "qty", "count", "pieces", "pcs", "units"),
    "lot": ("lot", "lotnumber", "batch", "batchnumber", "delivery"),
    "manufacturer": ("manufacturer", "maker", "vendor", "brand"),
    "model": ("model", "modelname", "product", "article"),
    "firmware": ("firmware", "fw", "firmwareversion"),
    "tac": ("tac", "typeallocationcode"),
    "imei": ("imei", "imeinumber", "imeino", "imei1", "deviceimei"),
    "iccid": ("iccid", "iccidnumber", "ccid", "simiccid", "simnumber", "simserialnumber"),
    "eid": ("eid", "euiccid"),
    "imsi": ("imsi", "imsinumber"),
    "serial_number": ("serialnumber", "serial", "serialno", "sn"),
    "sim": ("sim", "simcard"),
    "label": ("label",),
    "label_template": ("labeltemplate",),
    "asset_tag": ("assettag", "tag", "inventorynumber"),
    "site": ("site", "location", "depot"),
    "owner": ("owner", "assignedto", "department"),
    "note": ("note", "notes", "comment", "remark", "remarks"),
}
_PARSERS: Mapping[str, Callable[[str], str]] = {
    "imei": lambda text: str(Imei.parse(text))[:14],
    "iccid": Iccid.parse,
    "eid": Eid.parse,
    "imsi": Imsi.parse,
}
#: A header has one of these columns.
NEEDED_COLUMNS = (*NUMBERS, "serial_number", "model", "quantity")


def parse_row_field(name: str, text: str) -> str | None:
    """Return a value of a row as it is stored, None if it is empty.

    :raises IdentityError: a number is not valid
    :raises UsageError: another value is not valid
    """
    value = clean_text(name, text, LONGEST)
    if not value:
        return None
    if name in _PARSERS:
        return str(_PARSERS[name](value))
    if name == "tac" and not all(
        len(one) == 8 and is_decimal(one) for one in value.replace("|", " ").split()
    ):
        raise UsageError("a TAC has 8 digits", hint="Separate several by a bar.")
    return value
