"""Comparisons: numbers that are right by themselves and wrong together.

Messages name fields and never show an identifier. Countries of ICCID and IMSI differ for good
reasons on cards for things, TAC and model on modules built into devices: neither refuses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from modemagent.identity import tac as types
from modemagent.identity.iccid import same_card
from modemagent.identity.numbering import country_of_iccid, country_of_mcc
from modemagent.identity.problems import Problem, problem
from modemagent.identity.snapshot import Modem, ReadState, Sim


def compare(
    modem: Modem, sim: Sim | None, *, known: types.Tac | None = None
) -> tuple[Problem, ...]:
    """Return what can be judged within one reading.

    :param known: the TAC's record in an operator's own list; the shipped table without it
    """
    found: list[Problem] = []
    if modem.imei is not None:
        if modem.imeisv is not None and modem.imeisv[:14] != modem.imei[:14]:
            found.append(problem("cross.imei_imeisv_differ", "imeisv"))
        dual_mode = modem.imei.startswith("99")
        if modem.meid is not None and dual_mode and modem.meid != modem.imei[:14]:
            found.append(problem("cross.meid_imei_differ", "meid"))
        found += _judge_tac(modem, known or types.find(modem.imei[:8]))
    if sim is not None and sim.iccid is not None and sim.imsi is not None:
        found += _judge_countries(sim.iccid, sim.imsi)
    return tuple(found)


def _judge_tac(modem: Modem, known: types.Tac | None) -> list[Problem]:
    if known is None:
        return [problem("cross.tac_unknown", "imei")]
    if contradicts(known, modem.manufacturer, modem.model):
        message = (
            f"the TAC is {known.maker} {known.model}, "
            f"the module says {modem.manufacturer or '?'} {modem.model or '?'}"
        )
        return [problem("cross.tac_model_differ", "imei", message)]
    return []


def _bare(words: str) -> str:
    return "".join(sign for sign in words.casefold() if sign.isalnum())


def _stems(model: str) -> list[str]:
    """Return the stems of a model name, which may list several: EM7565, FM3001/FM3602."""
    names = model.split("(")[0].replace(",", "/").split("/")
    return [stem for name in names if (stem := _bare(name.strip().split("-")[0]))]


def contradicts(known: types.Tac, manufacturer: str | None, model: str | None) -> bool:
    """Say whether a TAC record speaks against what the module calls itself.

    The maker comes first; the stem of the model name decides where the maker agrees, and
    outweighs a maker that is only the chip's or a brand's.

    >>> eg25 = types.Tac("86532606", "Quectel", "EG25-G", "L")
    >>> contradicts(eg25, "Quectel", "EG25"), contradicts(eg25, "QUALCOMM INC", "EG25-G")
    (False, False)
    >>> contradicts(eg25, "Quectel", "EC21"), contradicts(eg25, "Telit", None)
    (True, True)
    """
    read = _bare(model or "")
    if read:
        own = _stems(model or "")
        return not any(
            stem in read or any(mine in stem for mine in own if len(mine) > 2)
            for stem in _stems(known.model)
        )
    maker, other = _bare(known.maker), _bare(manufacturer or "")
    return bool(other) and maker not in other and other not in maker


def _judge_countries(iccid: str, imsi: str) -> list[Problem]:
    card, network = country_of_iccid(iccid), country_of_mcc(imsi[:3])
    if card is None or network is None:
        return []
    # neither of a country (881-883 with 901) is the usual global card
    if set(card.codes) & set(network.codes) or not (card.codes or network.codes):
        return []
    message = f"ICCID of {card.name}, IMSI of {network.name}"
    return [problem("cross.iccid_imsi_country", "iccid", message)]


def duplicates(imeis: Iterable[str | None]) -> tuple[str, ...]:
    """Return the IMEIs (14 digits) that two devices present at once report.

    >>> duplicates(["867698040000013", "3526561000000101", "8676980400000199", None])
    ('86769804000001',)
    """
    counted = Counter(imei[:14] for imei in imeis if imei)
    return tuple(sorted(imei for imei, times in counted.items() if times > 1))


def compare_label(label: str, imei: str) -> tuple[Problem, ...]:
    """Return the finding where a normalized IMEI from a label is not the one read."""
    if label[:14] == imei[:14]:
        return ()
    return (problem("cross.imei_label_differ", "imei"),)


def _known(value: str | None, state: ReadState | None) -> str | None:
    return value if state is ReadState.OK else None


def compare_pairs(before: tuple[Modem, Sim], after: tuple[Modem, Sim]) -> tuple[Problem, ...]:
    """Return what changed in a modem and its card since an earlier complete reading.

    Only values that were read both times are compared.
    """
    (old_modem, old_sim), (modem, sim) = before, after
    old_imei, imei = (_known(one.imei, one.read.get("imei")) for one in (old_modem, modem))
    old_iccid, iccid = (_known(one.iccid, one.read.get("iccid")) for one in (old_sim, sim))
    old_imsi, imsi = (_known(one.imsi, one.read.get("imsi")) for one in (old_sim, sim))
    old_eid, eid = (_known(one.eid, one.read.get("eid")) for one in (old_sim, sim))
    same_imei = old_imei is not None and imei is not None and old_imei[:14] == imei[:14]
    found: list[Problem] = []
    if old_iccid is not None and iccid is not None:
        if not same_card(old_iccid, iccid):
            if same_imei:
                found.append(problem("cross.iccid_changed", "iccid"))
        else:
            if old_imei is not None and imei is not None and not same_imei:
                found.append(problem("cross.imei_changed", "imei"))
            if old_imsi is not None and imsi is not None and old_imsi != imsi:
                found.append(problem("cross.imsi_changed", "imsi"))
    if same_imei and old_eid is not None and eid is not None and old_eid != eid:
        found.append(problem("cross.eid_changed", "eid"))
    return tuple(found)
