"""USB ids of cellular modems and the roles of their interfaces.

The interface numbers depend on the USB composition, which the owner of a device can change; the
product id usually changes with it. If a row names AT ports, only those are probed; otherwise every
port without another known role. The dialect is a hint; the modem itself decides.

The rows are in ``data/usb_ids.txt`` and ``data/usb_flashing.txt``, each with its source. They
are read when the first id is looked up.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from modemagent.at.data_rows import data_rows


class Layout(NamedTuple):
    """One composition of one product.

    :param vid: vendor id, four hexadecimal digits in lower case
    :param pid: product id likewise, or "" for every product of the vendor without a row of its own
    :param dialect: name of a table in this package, "" if the ids do not identify it
    :param roles: interface number to ``at``, ``data`` (AT, meant for PPP), ``nmea`` or
        ``diag``; the role of any other interface is unknown
    :param source: the product, and the source of the layout
    """

    vid: str
    pid: str
    dialect: str
    roles: Mapping[int, str]
    source: str


#: Protocols of Qualcomm's USB gadget. Every maker of modules on its chips may use them.
_QUALCOMM = "ff/30:diag ff/40:at ff/60:nmea"

#: Roles by class, subclass and protocol of an interface: vendor or product ids, "*" for any without
#: a row; SUBCLASS/PROTOCOL:ROLE of interfaces of class ff (vendor specific), * for any subclass;
#: source. They apply before the row for the rest of a vendor, and after a product's own row.
PROTOCOLS: tuple[tuple[str, str, str], ...] = (
    (
        "2c7c 3731",
        f"{_QUALCOMM} 00/40:nmea",
        "kernel option, the commits that add Quectel RM500Q, RM520N and EM060K",
    ),
    (
        "2dee",
        f"{_QUALCOMM} 10/02:at 10/03:at",
        "kernel option, the commits that add MeiG SRM825L and SLM828",
    ),
    # The subclass identifies only the origin of the firmware (kernel qcserial). 04 is for smart
    # card readers, 06 controls the GNSS receiver, 0a is a console, 17 a log: none is an AT port.
    (
        "12d1 03f0:a31d 03f0:581d",
        "*/01:data */02:at */03:diag */04:diag */05:nmea */06:diag */0a:diag "
        "*/10:data */12:at */13:diag */14:nmea */17:diag",
        "MM; Huawei's own kernel for Balong chips, usb_vendor.h",
    ),
    (
        "12d1",
        "*/31:data */32:at */33:diag */34:diag */35:nmea */36:diag */3a:diag",
        "Huawei's own kernel for Balong chips, Vodafone's protocols in usb_vendor.h",
    ),
    (
        "*",
        _QUALCOMM,
        "kernel option, the commits that add Telit FN990B, MeiG SRM825L and Sierra EM9191",
    ),
)

#: Beginnings of the product names that Qualcomm's boot loader reports, with its own ids or with
#: those of the maker; source: "EG25 reboots into broken QHSUSB__BULK mode" in Quectel's forum,
#: where 2c7c:0125 has this name.
_BOOT_LOADERS = ("QHSUSB", "QUSB_BULK", "QUSB__BULK")


@cache
def recovery_modes() -> Mapping[tuple[str, str], str]:
    """Return recovery and flashing modes, each with its source, by vendor and product id.

    Nothing is ever written to these ids, regardless of the vendor's row and even if a user names
    the port.
    """
    return {
        (vid, pid): source
        for vid, pids, source in data_rows(__file__, "usb_flashing.txt")
        for pid in pids.split()
    }


def recovery_of(vid: str | None, pid: str | None, product: str | None = None) -> str | None:
    """Return the recovery or flashing mode of a USB device with its source, or None.

    :param product: product name that the device reports

    >>> recovery_of("1bc7", "9010")
    'Telit FN980, LE910S1, LE910R1 flashing devices; kernel option'
    >>> recovery_of("2c7c", "0125") is None
    True
    >>> recovery_of("2c7c", "0125", "QHSUSB__BULK")
    'Qualcomm boot loader; product name QHSUSB__BULK'
    """
    if vid is None or pid is None:
        return None
    mode = recovery_modes().get((vid, pid))
    if mode is None and product is not None and product.startswith(_BOOT_LOADERS):
        return f"Qualcomm boot loader; product name {product}"
    return mode


def role_by_protocol(vid: str, pid: str, kind: str) -> tuple[str, str] | None:
    """Return the role of a modem's port by the class of its interface and the source, or None.

    :param kind: class, subclass and protocol, ``ff/02/12``

    >>> role_by_protocol("1bc7", "10d0", "ff/ff/30")[0], role_by_protocol("12d1", "", "ff/02/12")[0]
    ('diag', 'at')
    >>> role_by_protocol("1bc7", "10d0", "ff/00/00") is None
    True
    """
    kind_class, _, rest = kind.partition("/")
    if kind_class != "ff":
        return None
    names = (rest, f"*/{rest.partition('/')[2]}")
    own = [row for row in PROTOCOLS if {vid, f"{vid}:{pid}"} & set(row[0].split())]
    for _, roles, source in own or PROTOCOLS[-1:]:
        for one in roles.split():
            name, _, role = one.partition(":")
            if name in names:
                return role, source
    return None


@cache
def _rows() -> Mapping[tuple[str, str], tuple[str, str, str]]:
    """Return dialect, roles and source by vendor and product id, as the file has them."""
    return {
        (vid, pid): (dialect, roles, source)
        for vid, pids, dialect, roles, source in data_rows(__file__, "usb_ids.txt")
        for pid in pids.split()
    }


def layouts() -> Iterator[Layout]:
    """Yield every row of the table, one for each product."""
    return (_layout(vid, pid) for vid, pid in _rows())


def layout_of(vid: str | None, pid: str | None) -> Layout | None:
    """Return the layout of a USB device, None if it is not a known cellular modem.

    A product's own row takes precedence over its vendor's.

    >>> layout_of("2c7c", "0125").roles[2], layout_of("2c7c", "ffff").dialect
    ('at', 'quectel')
    >>> layout_of("0403", "6001"), layout_of("05c6", "9008")
    (None, None)
    """
    if vid is None or pid is None or (vid, pid) in recovery_modes():
        return None
    return next((_layout(vid, each) for each in (pid, "*") if (vid, each) in _rows()), None)


def _layout(vid: str, pid: str) -> Layout:
    dialect, roles, source = (text.removeprefix("-") for text in _rows()[vid, pid])
    pairs = (one.partition(":") for one in roles.split())
    by_number = {int(number): role for number, _, role in pairs}
    return Layout(vid, pid.removeprefix("*"), dialect, by_number, source)
