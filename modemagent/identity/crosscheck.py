"""Comparisons between identifiers that are valid by themselves.

Messages name fields and never contain an identifier. The countries of ICCID and IMSI differ for
good reasons on SIMs for IoT devices, TAC and model differ on modules built into devices: neither
is an error.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from modemagent.identity import tac as types
from modemagent.identity.imei import Imei
from modemagent.identity.numbering import country_of_iccid, country_of_mcc
from modemagent.identity.problems import Problem, problem
from modemagent.identity.snapshot import Modem, Sim, Snapshot


def compare(
    modem: Modem, sim: Sim | None, *, known: types.Tac | None = None
) -> tuple[Problem, ...]:
    """Return the findings within one reading.

    :param known: the record of the TAC in an operator's own list, instead of the shipped table
    """
    found: list[Problem] = []
    if (imei := modem.imei) is not None:
        if modem.imeisv is not None and not imei.same_equipment(modem.imeisv):
            found.append(problem("cross.imei_imeisv_differ", "imeisv"))
        dual_mode = imei.startswith("99")
        if dual_mode and modem.meid is not None and modem.meid != imei[:14]:
            found.append(problem("cross.meid_imei_differ", "meid"))
        found += _judge_tac(modem, known or types.find(imei.tac))
    if sim is not None and sim.iccid is not None and sim.imsi is not None:
        found += _judge_countries(sim.iccid, sim.imsi)
    return tuple(found)


def _judge_tac(modem: Modem, known: types.Tac | None) -> list[Problem]:
    if known is None:
        return [problem("cross.tac_unknown", "imei")]
    if contradicts(known, modem.manufacturer, modem.model):
        reported = " ".join(filter(None, (modem.manufacturer, modem.model)))
        message = f"the TAC belongs to {known.maker} {known.model}, the module reports {reported}"
        return [problem("cross.tac_model_differ", "imei", message)]
    return []


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _stems(model: str) -> list[str]:
    """Return the stems of a model name, which may list several: EM7565, FM3001/FM3602."""
    names = model.split("(")[0].replace(",", "/").split("/")
    return [stem for name in names if (stem := _bare(name.strip().split("-")[0]))]


def contradicts(known: types.Tac, manufacturer: str | None, model: str | None) -> bool:
    """Return True if a TAC record contradicts the maker and model that the module reports.

    The stem of the model name decides, because the reported maker may be that of the chip or a
    brand; the maker decides only if no model was read.

    >>> eg25 = types.Tac("86532606", "Quectel", "EG25-G", "L")
    >>> contradicts(eg25, "Quectel", "EG25"), contradicts(eg25, "QUALCOMM INC", "EG25-G")
    (False, False)
    >>> contradicts(eg25, "Quectel", "EC21"), contradicts(eg25, "Telit", None)
    (True, True)
    """
    reported = _bare(model or "")
    if reported:
        own = _stems(model or "")
        return not any(
            stem in reported or any(mine in stem for mine in own if len(mine) > 2)
            for stem in _stems(known.model)
        )
    maker, other = _bare(known.maker), _bare(manufacturer or "")
    return bool(other) and maker not in other and other not in maker


def _judge_countries(iccid: str, imsi: str) -> list[Problem]:
    issuer, network = country_of_iccid(iccid), country_of_mcc(imsi[:3])
    if issuer is None or network is None:
        return []
    # neither belongs to a country (881-883 with 901): the usual global SIM
    if set(issuer.codes) & set(network.codes) or not (issuer.codes or network.codes):
        return []
    message = f"ICCID of {issuer.name}, IMSI of {network.name}"
    return [problem("cross.iccid_imsi_country", "iccid", message)]


def duplicates(imeis: Iterable[tuple[Hashable, str | None]]) -> frozenset[str]:
    """Return the IMEIs (14 digits) that two modems present at the same time report.

    :param imeis: modem and IMEI of each reading; a modem may be read through several of its ports

    >>> imei, software_version = "867698040000013", "8676980400000199"
    >>> sorted(duplicates([("usb:1-1", imei), ("usb:1-2", software_version), ("usb:1-3", None)]))
    ['86769804000001']
    >>> sorted(duplicates([("usb:1-1", imei), ("usb:1-1", imei)]))
    []
    """
    modems: dict[str, set[Hashable]] = {}
    for modem, imei in imeis:
        if imei:
            modems.setdefault(imei[:14], set()).add(modem)
    return frozenset(imei for imei, having in modems.items() if len(having) > 1)


def with_finding(reading: Snapshot, code: str, *, present: bool) -> Snapshot:
    """Return a reading with, or without, a finding about its IMEI."""
    others = tuple(each for each in reading.problems if each.code != code)
    found = (problem(code, "imei"),) if present else ()
    return reading._replace(problems=(*others, *found))


def compare_modems(
    readings: Iterable[tuple[Hashable, Snapshot]],
    others: Iterable[tuple[Hashable, str]] = (),
) -> list[Snapshot]:
    """Return readings taken at the same time, with the findings about their IMEIs.

    Two modems have one IMEI, or one modem reports two through different ports. Findings that a
    reading already has are kept: the agent compares it with modems that are not among these.

    :param readings: modem and reading; a modem may be read through several of its ports
    :param others: modem and IMEI of modems that were read before
    """
    pairs = list(readings)
    imeis = [(modem, imei) for modem, reading in pairs if (imei := reading.modem.imei) is not None]
    shared = duplicates([*imeis, *others])
    unstable = {modem for modem, imei in imeis if _has_other(modem, imei, imeis)}
    found = []
    for modem, reading in pairs:
        imei = reading.modem.imei
        if imei is not None and imei[:14] in shared:
            reading = with_finding(reading, "cross.imei_duplicate", present=True)
        if modem in unstable:
            reading = with_finding(reading, "cross.imei_unstable", present=True)
        found.append(reading)
    return found


def _has_other(modem: Hashable, imei: Imei, imeis: Iterable[tuple[Hashable, Imei]]) -> bool:
    return any(modem == other and not imei.same_equipment(each) for other, each in imeis)


def compare_label(label: Imei, imei: Imei) -> tuple[Problem, ...]:
    """Return the finding if the IMEI on the label is not the one that was read."""
    return () if label.same_equipment(imei) else (problem("cross.imei_label_differ", "imei"),)
