"""Reading of the modem itself: maker, model, firmware, IMEI, its other numbers, its SIM slots."""

from __future__ import annotations

import re
from collections.abc import Generator

from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.ati_block import has_empty_key, read_block
from modemagent.dialects.catalogue import choose
from modemagent.dialects.cdma import cdma_numbers
from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.dialects.generic import IMEISV
from modemagent.dialects.table_types import Attempt, Dialect
from modemagent.identity.snapshot import ReadState
from modemagent.modem.assess import RawModem, RawSim
from modemagent.modem.at_client import AtClient
from modemagent.modem.interpret import Interpretation
from modemagent.modem.ladder import IGNORED, AttemptVerdict, accept_certain, climb, read_joined
from modemagent.modem.slots import slots_of

#: Values of the modem that are read in one line, if the firmware accepts it.
EQUIPMENT = ("model", "firmware", "imei")

Steps = Generator[Step, Outcome, None]


class EquipmentReader(RawModem):
    """Reader of the values of one modem.

    :ivar dialect: the modem's dialect; the generic one until it is chosen
    """

    def __init__(self, client: AtClient, sim: RawSim) -> None:
        super().__init__(sim)
        self.dialect: Dialect = GENERIC_DIALECT
        self._client = client
        self._form = ""
        self._cgsn_is_plain = False
        self._is_cdma = False

    def read_equipment(self) -> Steps:
        """Read everything about the modem itself."""
        values = self.values
        yield from self.read("manufacturer")
        joined_imei = yield from self._read_joined()
        for field in ("model", "firmware"):
            yield from self.read(field)
        self.choose_dialect()
        for field in ("manufacturer", "model", "firmware"):
            if field not in values:
                yield from self.read(field, beyond=GENERIC_DIALECT)
        if joined_imei is None or joined_imei != self._ladder("imei")[0]:
            values.pop("imei", None)
            yield from self.read("imei")
        for field in ("imeisv", "serial_number"):
            yield from self.read(field)
        yield from self._specify_model()
        yield from self._read_slots()

    @property
    def kind(self) -> str:
        """Model and firmware, which the rows of a dialect match."""
        return f"{self.values.get('model', '')} {self.values.get('firmware', '')}"

    def is_unknown(self, field: str) -> bool:
        is_cdma_imei = self._is_cdma and field == "imei"  # such a device has none
        return not is_cdma_imei and super().is_unknown(field)

    def choose_dialect(self) -> None:
        """Choose the dialect by the values read so far."""
        values = self.values
        self.dialect = choose(
            values.get("manufacturer"), values.get("model"), values.get("firmware")
        )

    def _ladder(self, field: str) -> tuple[Attempt, ...]:
        return self.dialect.ladder(field, self.kind)

    def read(self, field: str, *, beyond: Dialect | None = None) -> Steps:
        """Climb the ladder of one value, unless it is known.

        :param beyond: attempts of this dialect have been made already
        """
        if field in self.values:
            return
        ladder = self._ladder(field)
        if beyond is not None:
            done = {attempt.command for attempt in beyond.ladder(field)}
            ladder = tuple(attempt for attempt in ladder if attempt.command not in done)
        elif field in ("model", "firmware"):
            # A modem with a response to AT+GMI probably has one to AT+GMM.
            ladder = tuple(sorted(ladder, key=lambda each: _form_of(each.command) != self._form))
        elif field == "imeisv" and self._cgsn_is_plain:
            # A modem without AT+CGSN=1 has no AT+CGSN=2, unless its dialect has it.
            ladder = tuple(attempt for attempt in ladder if attempt not in IMEISV)
        before = self.states.get(field, ReadState.UNSUPPORTED)
        result = yield from climb(self._client, field, ladder, self._judge, before)
        self.store(field, result)
        self._note_form(field, result.attempt)
        if self._is_cdma and field == "imei":
            self.malformed.pop("imei", None)
            self.refusals.pop("imei", None)
            self.states["imei"] = ReadState.UNSUPPORTED

    def _judge(self, attempt: Attempt, found: Interpretation, response: Response) -> AttemptVerdict:
        """Ignore a block with another IMEI than this modem's; notice a CDMA device."""
        if attempt.parser in ("imei", "ati_imei"):
            if not found.certain:
                self._notice_cdma(response)
            if attempt.parser == "ati_imei" and has_empty_key(response.lines, "imei"):
                return AttemptVerdict(ReadState.FAILED)
        elif attempt.parser.startswith("ati_"):
            named, imei = read_block(response.lines).get("imei"), self.values.get("imei")
            if named is not None and imei is not None and named[:14] != imei[:14]:
                return IGNORED
        return accept_certain(attempt, found, response)

    def _read_joined(self) -> Generator[Step, Outcome, Attempt | None]:
        """Read model, firmware and IMEI in one line; return the attempt that read the IMEI."""
        if self._form != "+CG":
            return None
        dialect = choose(self.values.get("manufacturer"), None, None)
        results = yield from read_joined(self._client, dialect, self.kind, EQUIPMENT)
        for field, result in results.items():
            self.store(field, result)
            self._note_form(field, result.attempt)
        return results["imei"].attempt if results else None

    def _specify_model(self) -> Steps:
        """Take a longer form of the model's name from a cached response, as FM150-AE for FM150."""
        for attempt in self._ladder("model"):
            model = self.values.get("model")
            found = self._client.cached(attempt)
            if model and found.certain and _is_longer_name(found.values[0], model):
                self.values["model"] = found.values[0]
                yield from self._client.read("model", attempt._replace(only_if_cached=True))

    def _read_slots(self) -> Steps:
        """Read the slot in use and the number of slots, if the modem can have several."""
        if not self._ladder("slot"):
            return
        yield from self.read("slot")
        yield from self.read("slot_count")
        text = self.values.pop("slot", None)
        count = self.values.pop("slot_count", None)
        if text is not None:
            self.slots = slots_of(text, int(count or 0))

    def _note_form(self, field: str, attempt: Attempt | None) -> None:
        if attempt is None:
            return
        if field in ("manufacturer", "model"):
            self._form = _form_of(attempt.command)
        elif field == "imei":
            self._cgsn_is_plain = attempt.command != "AT+CGSN=1"

    def _notice_cdma(self, response: Response) -> None:
        """Keep the MEID of a CDMA device; an ESN or MEID must never pass for an IMEI."""
        block = read_block(response.lines) if response.line.upper() == "ATI" else {}
        lines = [f"{key}: {block[key]}" for key in ("meid", "esn") if key in block]
        if not block and response.ok:
            lines = list(response.lines)
        numbers = cdma_numbers(lines)
        self._is_cdma = self._is_cdma or numbers.is_cdma
        if numbers.meid is not None:
            self.values.setdefault("meid", numbers.meid)
            self.states["meid"] = ReadState.OK


def _is_longer_name(name: str, model: str) -> bool:
    """Return True if a name is the model's with an ending.

    >>> _is_longer_name("FM150-AE", "FM150"), _is_longer_name("FM150 5G module", "FM150")
    (True, False)
    """
    return len(name) > len(model) and name.startswith(model) and " " not in name[len(model) :]


def _form_of(command: str) -> str:
    """Return the form of an identification command: ``+CG``, ``+CG?``, ``+G``, ``+G?``, other."""
    match = re.fullmatch(r"AT(\+C?G)M[IMR](\??)", command)
    return match[1] + match[2] if match else command
