"""USB ids of cellular modems and the roles of their interfaces.

The interface numbers depend on the USB composition, which the owner of a device can change; the
product id usually changes with it. If a row names AT ports, only those are probed; otherwise every
port without another known role. The dialect is a hint; the modem itself decides.

Sources: "MM" is a port rule of ModemManager (``77-mm-*-port-types.rules``), "kernel" the
``option`` driver or the commit that added the id to it, "trace" a recorded device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


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


#: The usual layout of Qualcomm based modules.
_QUALCOMM = "0:diag 1:nmea 2:at 3:at"
_SIERRA = "0:diag 2:nmea 3:at"
_TELIT_QMI = "0:diag 3:nmea 4:at 5:at"
_TELIT_MBIM = "0:diag 4:nmea 5:at 6:at"
_TELIT_IOT = "0:diag 1:at 2:at"
_EM060K = "3:diag 4:nmea 5:at"
_DELL = "2:at 4:nmea 5:diag"
_SIM7070 = "SIM7070, SIM7080, SIM7090"
_LUATOS = "trace luat-air780e; interface 6 is a script's own on LuatOS firmware"
_PLS = "0:at 2:at 4:nmea 8:diag"

#: Vendor id; product ids, "" for every other one of the vendor; dialect; roles; source. These are
#: plain constants, which take almost no time at start-up.
ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    # -- Quectel
    ("2c7c", "0121", "quectel", _QUALCOMM, "EC21; MM"),
    ("2c7c", "0125", "quectel", _QUALCOMM, "EC25, EG25; MM; trace quectel-eg25-g"),
    ("2c7c", "0128", "quectel", _EM060K, "EM060K-GL in MBIM composition; MM"),
    ("2c7c", "0191", "quectel", _QUALCOMM, "EG91; MM"),
    ("2c7c", "0195", "quectel", _QUALCOMM, "EG95; MM"),
    ("2c7c", "0296", "quectel", _QUALCOMM, "BG96; MM"),
    ("2c7c", "0306", "quectel", _QUALCOMM, "EG06, EP06, EM06; MM"),
    ("2c7c", "0512", "quectel", _QUALCOMM, "EG12, EM12; MM"),
    ("2c7c", "0800", "quectel", _QUALCOMM, "RM500Q; MM"),
    ("2c7c", "0801", "quectel", _QUALCOMM, "RM520N; MM"),
    ("2c7c", "6007", "quectel", _QUALCOMM, "EG916Q; kernel"),
    # Unisoc, ASR and MediaTek based: unknown layouts
    ("2c7c", "0900", "quectel", "", "RM500U; AT is the third tty: trace quectel-rm500u-cnv"),
    ("2c7c", "0901", "quectel", "", "EC200U; kernel"),
    ("2c7c", "6001", "quectel", "", "EG912Y; kernel"),
    ("2c7c", "6002", "quectel", "", "EC200S; kernel"),
    ("2c7c", "6005", "quectel", "", "EC200A; kernel"),
    ("2c7c", "6026", "quectel", "", "EC200T; kernel"),
    ("2c7c", "7001", "quectel", "", "RM500K; kernel"),
    ("2c7c", "", "quectel", _QUALCOMM, "other Quectel products; MM has this layout for nine"),
    # -- Telit, by composition
    ("1bc7", "0021", "telit", "0:at 6:at", "HE910, UE910, UL865; MM"),
    ("1bc7", "1003", "telit", "0:at 2:at", "UC864-E; MM"),
    ("1bc7", "1004", "telit", "0:at 2:nmea 3:at", "UC864-G; MM"),
    ("1bc7", "1005", "telit", "0:at 2:nmea 3:at", "CC864-DUAL; MM"),
    ("1bc7", "1006", "telit", "0:at 2:at", "CC864-SINGLE, CC864-KPS; MM"),
    ("1bc7", "1010", "telit", "1:nmea 2:at 3:at", "DE910-DUAL; MM"),
    ("1bc7", "1011", "telit", "1:at", "CE910-DUAL; MM"),
    ("1bc7", "1031", "telit", _TELIT_IOT, "LE910C1-EUX; MM"),
    ("1bc7", "1033", "telit", _TELIT_IOT, "LE910C1-EUX, ECM; MM"),
    ("1bc7", "1040", "telit", "0:diag 4:at 5:at", "LE922, LM940, LM960; MM"),
    ("1bc7", "1041", "telit", "0:diag 5:at 6:at", "LE922, LM940, LM960, MBIM; MM"),
    ("1bc7", "1050", "telit", "0:diag 4:at 5:at", "FN980; MM"),
    ("1bc7", "1051", "telit", "0:diag 5:at 6:at", "FN980, MBIM; MM"),
    ("1bc7", "1060", "telit", _TELIT_QMI, "LN920; MM"),
    ("1bc7", "1061", "telit", _TELIT_MBIM, "LN920, MBIM; MM"),
    ("1bc7", "1070", "telit", _TELIT_QMI, "FN990; MM"),
    ("1bc7", "1071", "telit", _TELIT_MBIM, "FN990, MBIM; MM"),
    ("1bc7", "1101", "telit", _TELIT_IOT, "ME910C1; MM"),
    ("1bc7", "110a", "telit", _TELIT_IOT, "ME310G1, ME910G1; MM"),
    ("1bc7", "1201", "telit", _TELIT_QMI, "LE910C1; MM"),
    ("1bc7", "1204", "telit", _TELIT_MBIM, "LE910C1, MBIM; MM"),
    ("1bc7", "7010", "telit", "2:diag 3:at 4:at", "LE910S1, RNDIS; MM"),
    ("1bc7", "7011", "telit", "2:diag 3:at 4:at", "LE910S1, ECM; MM"),
    ("1bc7", "", "telit", "", "other Telit products: by composition"),
    # -- SIMCom
    ("1e0e", "9001", "simcom", _QUALCOMM, "SIM7000, SIM7100, SIM7600; MM; trace simcom-sim7600e"),
    ("1e0e", "9205", "simcom", "0:diag 1:nmea 2:at 3:data", _SIM7070 + "; MM"),
    ("1e0e", "9206", "simcom", "0:diag 1:nmea 2:at 5:data", _SIM7070 + ", second layout; MM"),
    ("1e0e", "9011", "simcom", "4:at 5:data", "A7600, A7602, A7670; MM; trace simcom-a7670"),
    ("1e0e", "9100", "simcom", "1:at 3:at", "Prolink PH-300; MM"),
    ("1e0e", "9200", "simcom", "1:at 3:at", "SCT UM300; MM"),
    ("1e0e", "cefe", "simcom", "0:at 1:at 2:at", "A-Link 3GU; MM"),
    ("1e0e", "", "simcom", "", "other SIMCom products"),
    # -- u-blox
    ("1546", "1010", "ublox", "6:at", "TOBY-L4; MM"),
    ("1546", "1102", "ublox", "0:at 2:at 4:at 8:diag 10:diag", "LISA-U2, SARA-U2; MM"),
    ("1546", "1104", "ublox", "0:at 4:diag", "LISA-U2, SARA-U2, second layout; MM"),
    ("1546", "1107", "ublox", "0:at 2:at 4:at 10:diag", "TOBY-R2; MM"),
    ("1546", "110a", "ublox", "0:at 2:at 4:at 10:diag", "LARA-R2; MM"),
    ("1546", "1141", "ublox", "", "TOBY-L200; MM"),
    ("1546", "1143", "ublox", "", "TOBY-L200; MM"),
    ("1546", "1146", "ublox", "", "TOBY-L200; MM"),
    ("1546", "1311", "ublox", "1:at 2:at", "LARA-R6; kernel names it, MM its twin 05c6:908b"),
    ("05c6", "908b", "ublox", "0:diag 1:at 2:at", "LARA-R6; MM"),
    # -- Sierra
    ("1199", "9071", "sierra", _SIERRA, "MC7430, MC7455; MM"),
    ("1199", "9079", "sierra", _SIERRA, "EM7455; MM"),
    ("1199", "9091", "sierra", _SIERRA, "EM7565; MM"),
    ("1199", "c001", "sierra", "0:at 2:data 4:nmea", "HL7812; MM"),
    ("1199", "a001", "sierra", "", "EM7345; MM"),
    ("1199", "", "sierra", _SIERRA, "other Sierra products; MM has this layout for three"),
    ("1519", "0443", "sierra", "", "GL7600; MM"),
    ("413c", "81b6", "sierra", _SIERRA, "Dell DW5811e; trace sierra-em7455b"),
    # -- Cinterion
    ("1e2d", "0053", "cinterion", "1:nmea", "PHS8; MM"),
    ("1e2d", "005b", "cinterion", _PLS, "PLS62; MM"),
    ("1e2d", "005d", "cinterion", _PLS, "PLS62, MBIM; MM"),
    ("1e2d", "0061", "cinterion", "0:data 2:at 4:nmea", "PLS8; MM"),
    ("1e2d", "0069", "cinterion", "0:at 2:at 4:nmea 6:diag", "PLS63; MM"),
    ("1e2d", "006f", "cinterion", "0:at 2:at 4:nmea 6:diag", "PLS83; MM"),
    ("1e2d", "00b3", "cinterion", "2:at", "MV31; obsy/modemdata"),
    ("1e2d", "00f2", "cinterion", "", "MV32; QModem"),
    ("1e2d", "", "cinterion", "", "other Cinterion products: by composition"),
    ("0681", "", "cinterion", "", "Siemens: older ids"),
    ("1269", "", "cinterion", "", "Cinterion: older ids"),
    # -- Huawei: the interface protocol gives the role (PROTOCOLS below), not the number
    ("12d1", "", "huawei", "", "Huawei: the order of interfaces varies"),
    # -- Gosuncn
    ("305a", "1405", "gosuncn", "1:at 2:at", "GM800; MM"),
    ("305a", "", "gosuncn", "", "other Gosuncn products"),
    # -- Fibocom, Rolling Wireless
    ("2cb7", "0007", "fibocom", "2:at 4:diag 6:at", "L850; MM; trace fibocom-l850-gl"),
    ("2cb7", "0104", "fibocom", "0:diag 1:at 2:at", "FM150; MM"),
    ("2cb7", "0106", "fibocom", "0:diag 1:at 2:at", "MA510; MM"),
    ("2cb7", "010a", "fibocom", "0:at 1:at", "MA510, second layout; MM"),
    ("2cb7", "01a0", "fibocom", "2:at 3:at 4:diag", "NL668; MM"),
    ("2cb7", "01a2", "fibocom", "2:at 3:at 4:diag 5:diag", "FM101, MBIM; MM"),
    ("2cb7", "01a4", "fibocom", "2:diag 3:at 4:diag 5:diag", "FM101, ADB; MM"),
    ("2cb7", "", "fibocom", "", "other Fibocom products"),
    ("1782", "4d10", "fibocom", "0:at 3:diag 4:diag 5:at 6:at", "L610; MM"),
    ("1782", "4d11", "fibocom", "2:at 5:diag 6:diag 7:at 8:at", "L610, ECM or RNDIS; MM"),
    ("0e8d", "7126", "fibocom", "", "FM350; obsy/modemdata"),
    ("0e8d", "7127", "fibocom", "", "FM350; AT is the fourth tty: trace fibocom-fm350-gl"),
    ("33f8", "0104", "fibocom", "0:diag 1:at 2:at 3:nmea", "Rolling RW101; MM"),
    ("33f8", "0115", "fibocom", "2:diag 3:at 4:nmea", "Rolling RW135; MM"),
    ("33f8", "01a2", "fibocom", "2:at 3:at 4:diag 5:nmea", "Rolling RW101, MBIM; MM"),
    ("33f8", "01a3", "fibocom", "2:nmea", "Rolling RW101, MBIM alone; MM"),
    ("33f8", "01a4", "fibocom", "2:diag 3:at 5:nmea 6:nmea", "Rolling RW101, MBIM and ADB; MM"),
    # -- Intel XMM under Intel's ids; several makers use them
    ("8087", "0911", "", "", "XMM7160 as Telit LN930; MM"),
    ("8087", "095a", "xmm", "0:at 2:diag 4:at", "XMM7360; MM"),
    # -- MediaTek sticks
    ("0e8d", "0023", "mediatek", "2:at 3:at", "MediaTek sticks; MM"),
    ("0e8d", "00a1", "mediatek", "0:at 1:at", "MediaTek sticks; MM"),
    ("0e8d", "00a2", "mediatek", "0:at 1:at", "MediaTek sticks; MM"),
    ("0e8d", "00a4", "mediatek", "0:at 2:at", "MediaTek sticks; MM"),
    ("0e8d", "00a5", "mediatek", "2:at 3:at", "MediaTek sticks; MM"),
    ("0e8d", "00a7", "mediatek", "2:at 3:at", "MediaTek sticks; MM"),
    ("2001", "7d00", "mediatek", "0:at 1:at", "D-Link DWM-156 A5; MM"),
    ("07d1", "7e11", "mediatek", "2:at 3:at", "D-Link DWM-156 A3; MM"),
    # -- MeiG, Neoway, Luat, Altair
    ("2dee", "4d57", "meig", "2:diag 3:at 4:at 5:nmea", "SLM770A; trace meig-slm770a"),
    ("2dee", "4d58", "meig", "2:diag 3:at 4:at 5:nmea", "SLM770A, ECM; trace meig-slm770a"),
    ("2dee", "", "meig", "", "other MeiG products"),
    ("19d1", "0001", "luat", "2:at", _LUATOS),
    ("3763", "", "neoway", "", "Neoway: varies"),
    ("216f", "", "altair", "", "Altair, WNC, Murata"),
    # -- Foxconn and Dell
    ("0489", "e0b4", "foxconn", "2:at 3:at 4:nmea 5:diag", "T77W968; MM"),
    ("0489", "e0b5", "foxconn", "2:at 3:at 4:nmea 5:diag", "T77W968 with eSIM; MM"),
    ("413c", "81d7", "foxconn", _DELL, "Dell DW5821e; MM"),
    ("413c", "81d9", "foxconn", "", "Dell DW5930e; obsy/modemdata"),
    ("413c", "81e4", "", "", "Dell DW5931e; obsy/modemdata"),
    # -- ZTE
    ("19d2", "0001 1515", "zte", "0:at 2:at", "ZTE; MM"),
    ("19d2", "0002 0012 0024 0025 0055", "zte", "2:at 4:at", "ZTE; MM"),
    ("19d2", "0003 0004 0005 0006 0007 0008 0009 000a", "zte", "0:at 1:at", "ZTE; MM"),
    ("19d2", "0015 0030 0054", "zte", "1:at 3:at", "ZTE; MM"),
    ("19d2", "0016 0017 0018 0019 0117", "zte", "1:at 2:at", "ZTE; MM"),
    ("19d2", "0021 0031 0037 0039 0042 0052 0057 0058 0061", "zte", "1:at 3:at", "ZTE; MM"),
    ("19d2", "0063 0066 0078 0082 0104 0106 0108 0122 0123", "zte", "1:at 3:at", "ZTE; MM"),
    ("19d2", "1007 1008 1010 1254 2002 2003", "zte", "1:at 3:at", "ZTE; MM"),
    ("19d2", "0033 0091 0113 0118 0121 0124 0126 0128", "zte", "1:at 4:at", "ZTE; MM"),
    ("19d2", "0043", "zte", "2:at 3:at", "ZTE; MM"),
    ("19d2", "0048 0049", "zte", "2:at 4:at", "ZTE; MM"),
    ("19d2", "0064", "zte", "0:at 2:at", "ZTE; MM"),
    ("19d2", "0125", "zte", "1:at 5:at", "ZTE; MM"),
    ("19d2", "", "zte", "", "other ZTE products"),
    # -- Longcheer and Zoom
    ("1c9e", "3197", "longcheer", "0:at 1:at", "Longcheer; MM"),
    ("1c9e", "6000 6060 6061", "longcheer", "0:at 2:at", "Longcheer, Alcatel X020; MM"),
    ("1c9e", "7001", "longcheer", "0:at 2:at 3:at", "Longcheer; MM"),
    ("1c9e", "7002", "longcheer", "0:at 2:at 3:at 4:at", "Longcheer; MM"),
    ("1c9e", "7101", "longcheer", "0:at 4:at 5:at", "Longcheer; MM"),
    ("1c9e", "7102", "longcheer", "0:at 4:at 5:at 6:at", "Longcheer; MM"),
    ("1c9e", "8000", "longcheer", "0:at 2:at 5:at", "Longcheer; MM"),
    ("1c9e", "8001 8002", "longcheer", "0:at 2:at 4:at", "Longcheer; MM"),
    ("1c9e", "9000", "longcheer", "1:at 3:at", "ChinaBird PL68; MM"),
    ("1c9e", "9001 9002 9012 9022 9603", "longcheer", "0:at 1:at 2:at", "Longcheer, Zoom; MM"),
    ("1c9e", "9003 9605", "longcheer", "0:at 1:at 2:at 3:at", "Longcheer, Zoom; MM"),
    ("1c9e", "9004 9005", "longcheer", "0:at 1:at", "Longcheer; MM"),
    ("1c9e", "9010 9020 9604", "longcheer", "0:at 1:at 3:at", "Longcheer, Zoom; MM"),
    ("1c9e", "9602", "longcheer", "0:at 1:at 2:at", "Zoom; MM"),
    ("1c9e", "9606", "longcheer", "0:at 1:at 2:at 4:at", "Zoom; MM"),
    ("1c9e", "9607", "longcheer", "0:at 1:at 2:at 3:at 4:at", "Zoom; MM"),
    # -- Netprisma sells Quectel's modules under ids of its own
    ("3731", "0100 0101 0106 010a 010b 010c", "quectel", _EM060K, "Netprisma LCUK54; MM"),
    ("3731", "010d 0111 0112 0113 0115 0116", "quectel", _EM060K, "Netprisma LCUK54; MM"),
    # -- Ericsson, also as Sony Ericsson, Dell, HP and Toshiba
    ("0bdb", "", "ericsson", "9:nmea", "Ericsson F3507g, F3607gw, F5521gw; MM"),
    ("0fce", "d0cf", "ericsson", "9:nmea", "Sony Ericsson MD300; trace ericsson-md300"),
    ("0fce", "d0e1 d103", "ericsson", "", "Sony Ericsson MD400; MM"),
    ("413c", "8147 8183 8184 818b 818c", "ericsson", "9:nmea", "Dell 5530, F3307, F3607gw; MM"),
    ("413c", "818d 818e", "ericsson", "", "Dell 5550, 5560; MM"),
    ("03f0", "261d 271d 2f1d 301d 3a1d 3d1d", "ericsson", "", "HP hs23x0, lc20x0; MM"),
    ("0930", "130b 130c 1311", "ericsson", "9:nmea", "Toshiba F3507g, F3607gw; MM"),
    ("0930", "1313 1314 1315", "ericsson", "", "Toshiba F3307, F5521gw, H5321gw; MM"),
    ("0930", "1316 1317 1319", "ericsson", "", "Toshiba F3307, F5521gw, H5321gw; MM"),
    # -- Option, Wavecom, Pantech, Novatel, Linktop, Olivetti
    ("0af0", "", "option", "0:at", "Option sticks; trace option-gtm382"),
    ("1931", "", "option", "", "Option: Nozomi (PCMCIA)"),
    ("114f", "", "wavecom", "", "Wavecom"),
    ("106c", "3718", "pantech", "", "UML290; MM"),
    ("1410", "", "", "", "Novatel"),
    ("230d", "0001", "", "1:data 3:at", "Linktop HSPADataCard; MM"),
    ("0b3c", "c005", "longcheer", "0:at 1:at 2:at 3:at 5:at 6:at", "Olivetti Olicard 200; MM"),
    # -- Alcatel (TCT)
    ("1bbb", "0000", "longcheer", "1:at 3:at", "Alcatel X060s and X200: two sticks, one id; MM"),
    ("1bbb", "0017", "longcheer", "0:at 1:at 2:at 3:at 5:at", "Alcatel X220D; MM"),
    ("1bbb", "00b7", "longcheer", "0:at 1:nmea 3:at 4:at", "Archos G9; MM"),
    ("1bbb", "022c", "longcheer", "1:at 2:at", "Alcatel X602D; MM"),
)

_ADDED = "kernel option, the commits that add "
#: Roles by class, subclass and protocol of an interface, for makers whose products agree: vendor
#: ids; SUBCLASS/PROTOCOL:ROLE of interfaces of class ff (vendor specific), * for any subclass;
#: source. They apply before the row for the rest of a vendor, and after a product's own row.
PROTOCOLS: tuple[tuple[str, str, str], ...] = (
    ("1bc7", "ff/30:diag ff/40:at ff/60:nmea", _ADDED + "Telit FN990B, FE990B and FE910C04"),
    ("2c7c 3731", "ff/30:diag ff/40:at 00/40:nmea", _ADDED + "Quectel RM500Q, RM520N and EM060K"),
    ("2cb7 33f8", "ff/30:diag ff/40:at", _ADDED + "Fibocom FM101 and Rolling RW101"),
    ("1199", "ff/30:diag", "kernel option and qcserial, Sierra EM9191"),
    # The subclass identifies only the origin of the firmware (kernel qcserial). 04 is for smart
    # card readers, 06 controls the GNSS receiver, 0a is a console, 17 a log: none is an AT port.
    (
        "12d1",
        "*/01:data */02:at */03:diag */04:diag */05:nmea */06:diag */0a:diag "
        "*/10:data */12:at */13:diag */14:nmea */17:diag",
        "MM; Huawei's own kernel for Balong chips, usb_vendor.h",
    ),
    (
        "12d1",
        "*/31:data */32:at */33:diag */34:diag */35:nmea */36:diag */3a:diag",
        "Huawei's own kernel for Balong chips, Vodafone's protocols in usb_vendor.h",
    ),
)

#: Recovery and flashing modes. Nothing is ever written to these ids, regardless of the vendor's row
#: and even if a user names the port. Vendor id; product ids; source. QDL is Qualcomm's download
#: mode; in the source "MM QDL" stands for ``77-mm-qdl-device-blacklist.rules``.
RECOVERY: tuple[tuple[str, str, str], ...] = (
    ("05c6", "9006 9008", "Qualcomm emergency download, memory dump; MM QDL; the sahara driver"),
    ("05c6", "9201 9204 9208 9211 9214 9221 9224 9231 9234 9244 9264 9274", "Gobi QDL; MM QDL"),
    ("05c6", "920c", "Gobi 3000 QDL; kernel qcserial"),
    ("03f0", "201d 241d", "HP un2400, un2420 QDL; MM QDL"),
    ("03f0", "371d", "HP un2430 QDL; kernel qcserial"),
    ("04da", "250c", "Panasonic Gobi QDL; MM QDL"),
    ("0b05", "1774", "Asus Gobi QDL; MM QDL"),
    ("0e8d", "2000", "MediaTek preloader; kernel cdc-acm"),
    ("1199", "9000", "Sierra Gobi 2000 QDL; MM QDL"),
    ("1199", "68a4 68a8 9010 9012 9014 9018", "Sierra QDL; kernel qcserial"),
    ("1199", "9062 907a 9090 90d2 90e4 c080", "Sierra QDL; kernel qcserial"),
    ("1199", "9070 9078", "MC74xx, EM74xx in boot mode; sierra-wireless-modems by danielewood"),
    ("1199", "90b0 90c0 90c2", "EM7511, EM7565 in boot mode; AT!USBPID, linux-usb mailing list"),
    ("12d1", "1443", "Huawei Balong in download mode; guides to balong-usbdload"),
    ("12d1", "14f0", "Sony Gobi 3000 QDL; kernel qcserial"),
    ("1410", "a008 a014", "Novatel Gobi QDL; MM QDL"),
    ("1410", "a010 a011 a012 a013 a020", "Novatel Gobi 2000, 3000 QDL; kernel qcserial"),
    ("1557", "0a80", "OQO Gobi QDL; MM QDL"),
    ("16d8", "8001", "CMDTech Gobi 2000 QDL; MM QDL"),
    ("1782", "4d00", "Unisoc download mode; spreadtrum_flash"),
    ("19d2", "fff2", "ONDA Gobi QDL; MM QDL"),
    ("1bc7", "900e", "Telit Gobi QDL; kernel qcserial"),
    ("1bc7", "9010 9200 9201", "Telit FN980, LE910S1, LE910R1 flashing devices; kernel option"),
    ("1f45", "0001", "Gobi QDL of an unknown maker; MM QDL"),
    ("413c", "8171 8185", "Dell Gobi QDL; MM QDL"),
    ("413c", "8193 81a6", "Dell Gobi 3000, DW5570, DW5811e, DW5816e QDL; kernel qcserial"),
    ("413c", "81b5 81cb", "Dell Gobi 3000, DW5570, DW5811e, DW5816e QDL; kernel qcserial"),
)

NEVER: frozenset[tuple[str, str]] = frozenset(
    (vid, pid) for vid, pids, _ in RECOVERY for pid in pids.split()
)


def recovery_of(vid: str | None, pid: str | None) -> str | None:
    """Return the recovery or flashing mode of these ids with its source, or None.

    >>> recovery_of("1bc7", "9010")
    'Telit FN980, LE910S1, LE910R1 flashing devices; kernel option'
    >>> recovery_of("2c7c", "0125") is None
    True
    """
    if (vid, pid) not in NEVER:
        return None
    return next(source for row, pids, source in RECOVERY if row == vid and pid in pids.split())


def role_by_protocol(vid: str, kind: str) -> tuple[str, str] | None:
    """Return the role by an interface's class and the source of the row, or None.

    :param kind: class, subclass and protocol, ``ff/02/12``

    >>> role_by_protocol("1bc7", "ff/ff/30")[0], role_by_protocol("12d1", "ff/02/12")[0]
    ('diag', 'at')
    >>> role_by_protocol("1bc7", "ff/00/00") is None
    True
    """
    kind_class, _, rest = kind.partition("/")
    if kind_class != "ff":
        return None
    names = (rest, f"*/{rest.partition('/')[2]}")
    for vids, roles, source in PROTOCOLS:
        for one in roles.split():
            name, _, role = one.partition(":")
            if vid in vids.split() and name in names:
                return role, source
    return None


def layouts() -> Iterator[Layout]:
    """Yield every row of the table, one for each product."""
    for vid, pids, dialect, roles, source in ROWS:
        for pid in pids.split() or ("",):
            yield Layout(vid, pid, dialect, _roles(roles), source)


def _roles(text: str) -> dict[int, str]:
    return {int(number): role for number, _, role in (one.partition(":") for one in text.split())}


def layout_of(vid: str | None, pid: str | None) -> Layout | None:
    """Return the layout of a USB device, None if it is not a known cellular modem.

    A product's own row takes precedence over its vendor's.

    >>> layout_of("2c7c", "0125").roles[2], layout_of("2c7c", "ffff").dialect
    ('at', 'quectel')
    >>> layout_of("0403", "6001"), layout_of("05c6", "9008")
    (None, None)
    """
    if vid is None or pid is None or (vid, pid) in NEVER:
        return None
    found = None
    for row_vid, pids, dialect, roles, source in ROWS:
        if row_vid == vid and pid in pids.split():
            return Layout(vid, pid, dialect, _roles(roles), source)
        if row_vid == vid and not pids:
            found = Layout(vid, "", dialect, _roles(roles), source)
    return found
