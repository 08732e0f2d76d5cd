"""Query of an equipment status: parameters and error causes of 3GPP TS 29.511 and TS 29.500.

The forms of PEI, SUPI, GPSI and SupportedFeatures are those of TS 29.571, as published in the
OpenAPI description of the interface; check digits are checked beyond it. No feature is defined for
the interface, so supported features are accepted and ignored.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from modemagent.errors import IdentityError
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv

PATH = "/n5g-eir-eic/v1/equipment-status"
_API = "/n5g-eir-eic/v1/"
_PARAMETERS = frozenset({"pei", "supi", "gpsi", "supported-features"})
_IMEI = re.compile(r"imei-([0-9]{15})")
_IMEISV = re.compile(r"imeisv-([0-9]{16})")
_OTHER_PEI = re.compile(r"mac(-[0-9a-fA-F]{2}){6}(-untrusted)?|eui(-[0-9a-fA-F]{2}){8}")
_IMSI = re.compile(r"imsi-([0-9]{5,15})")
_OTHER_SUPI = re.compile(r"(nai|gci|gli)-.+")
_GPSI = re.compile(r"msisdn-[0-9]{5,15}|extid-[^@]+@[^@]+")
_FEATURES = re.compile(r"[A-Fa-f0-9]*")


class StatusQuery(NamedTuple):
    """A valid query.

    :param imei: None: the equipment has another kind of number, such as a MAC address
    :param imsi: of the SUPI, if it is one
    """

    imei: Imei | None
    imsi: str | None


class RefusedQuery(Exception):
    """A query that is refused.

    :param cause: protocol error of TS 29.500
    :param parameter: name of the parameter; empty: none
    :param allow: method that the path has
    """

    def __init__(
        self, status: int, cause: str, reason: str, parameter: str = "", allow: str = ""
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.cause = cause
        self.reason = reason
        self.parameter = parameter
        self.allow = allow


def check_target(method: str, path: str, accept: str) -> None:
    """Check method, path and ``Accept`` of a request.

    :raises RefusedQuery: they do not fit the interface
    """
    if path != PATH:
        if not path.startswith(_API):
            raise RefusedQuery(400, "INVALID_API", "the API or its version is not served here")
        reason = "the API has no resource with this path"
        raise RefusedQuery(404, "RESOURCE_URI_STRUCTURE_NOT_FOUND", reason)
    if method != "GET":
        raise RefusedQuery(405, "", "the resource has the method GET alone", allow="GET")
    if accept and not _accepts_json(accept):
        raise RefusedQuery(406, "", "the response is application/json")


def _accepts_json(accept: str) -> bool:
    """Return True if an ``Accept`` header allows JSON.

    >>> _accepts_json("text/html, application/*;q=0.5"), _accepts_json("application/json;q=0")
    (True, False)
    """
    for one in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        if kind in ("application/json", "application/*", "*/*"):
            quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
            if quality.strip("0.") != "":
                return True
    return False


def parse_query(query: bytes) -> StatusQuery:
    """Return the query of a request.

    :raises RefusedQuery: a parameter is missing, unknown or not valid
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise RefusedQuery(400, "INVALID_QUERY_PARAM", "the query is not valid") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in _PARAMETERS:
            reason = "the resource has no such parameter"
            raise RefusedQuery(400, "INVALID_QUERY_PARAM", reason, name[:64])
        if name in given:
            raise _incorrect(name, "it is given twice")
        given[name] = value
    if "pei" not in given:
        cause = "MANDATORY_QUERY_PARAM_MISSING"
        raise RefusedQuery(400, cause, "the PEI of the equipment is missing", "pei")
    imei = _imei(given["pei"])
    supi = given.get("supi")
    imsi = None if supi is None else _IMSI.fullmatch(supi)
    if supi is not None and imsi is None and not _OTHER_SUPI.fullmatch(supi):
        raise _incorrect("supi", "it is not a SUPI")
    if "gpsi" in given and not _GPSI.fullmatch(given["gpsi"]):
        raise _incorrect("gpsi", "it is not a GPSI")
    if not _FEATURES.fullmatch(given.get("supported-features", "")):
        raise _incorrect("supported-features", "it is not hexadecimal")
    return StatusQuery(imei, imsi[1] if imsi else None)


def _imei(pei: str) -> Imei | None:
    if found := _IMEI.fullmatch(pei):
        try:
            return Imei.parse(found[1])
        except IdentityError as error:
            raise _incorrect("pei", error.message) from None
    if found := _IMEISV.fullmatch(pei):
        try:
            return Imei.from_digits(Imeisv.parse(found[1])[:14])
        except IdentityError as error:
            raise _incorrect("pei", error.message) from None
    if _OTHER_PEI.fullmatch(pei):
        return None
    raise _incorrect("pei", "it is not a PEI")


def _incorrect(name: str, reason: str) -> RefusedQuery:
    kind = "MANDATORY" if name == "pei" else "OPTIONAL"
    return RefusedQuery(400, f"{kind}_QUERY_PARAM_INCORRECT", reason, name)
