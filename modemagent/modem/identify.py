"""Identification of a modem and its SIM.

Wake the port; read manufacturer, model and firmware, which choose the dialect; read the IMEI and
the other numbers of the modem; read the state and the numbers of the SIM; assess; restore the
session settings. The plan is a generator: its driver owns the port and the clock.
"""

from collections.abc import Callable, Generator
from typing import NamedTuple

from modemagent.at.steps import Outcome, Plan, Step
from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.errors import DeadlinePassed, NoAnswer
from modemagent.identity.numbering import split_imsi
from modemagent.identity.snapshot import ReadState, Snapshot
from modemagent.modem.assess import MODEM_FIELDS, SIM_FIELDS, assess
from modemagent.modem.at_client import AtClient
from modemagent.modem.equipment import EquipmentReader
from modemagent.modem.ladder import ReadValues
from modemagent.modem.network import CellReader, read_network
from modemagent.modem.sim import SimReader
from modemagent.modem.sim_numbers import NUMBERS
from modemagent.modem.start_up import Age
from modemagent.modem.sync import Desynchronized, SyncEvent
from modemagent.modem.wake_up import probe

#: Identifications begun until the responses match the commands.
_MOST_RUNS = 3
_PROOF_TIMEOUT_S = 3.0
#: Commands whose responses carry a prefix on every modem.
_PROOFS = (("AT+CPIN?", "CPIN"), ("AT+CSQ", "CSQ"), ("AT+CREG?", "CREG"))

#: Values of the modem that may be refused while it is starting.
_REFUSABLE = ("manufacturer", "model", "firmware", "imei")

Steps = Generator[Step, Outcome, None]


class Extras(NamedTuple):
    """Optional readings, which take more commands.

    :param eid_by_apdu: if the modem has no command for the EID, read it from the SIM over a
        logical channel (:mod:`modemagent.modem.euicc`)
    :param network: operator, registration and the SIM's service provider name
        (:mod:`modemagent.modem.network`)
    :param read_cell: with ``network``, reads the serving cell, such as
        :func:`modemagent.modem.serving_cell.read_serving_cell`
    """

    eid_by_apdu: bool = False
    network: bool = False
    read_cell: CellReader | None = None


NO_EXTRAS = Extras()


def identify(
    port: str,
    *,
    port_id: str | None = None,
    extras: Extras = NO_EXTRAS,
    early: Callable[[Snapshot], None] | None = None,
    listen_s: float = 0.0,
    age: Age = lambda: None,
    is_repeated: bool = False,
) -> Plan[Snapshot]:
    """Identify the modem behind a port.

    :param port: the port as the user named it
    :param port_id: its stable id, if discovery has one
    :param early: called with the values read so far if the SIM is not ready
    :param listen_s: how long to listen before the first byte is sent
    :param age: returns how long ago the modem appeared, None if that is unknown
    :param is_repeated: the caller takes another reading if this one is incomplete; otherwise values
        that a starting modem refuses with a reason are read again within this plan
    :returns: a plan that yields steps and returns the reading, with the reason for every value
        that could not be read. If the deadline passes after the modem has identified itself, the
        reading contains the values read until then
    :raises NoAnswer, NotAModem: from the plan, if no identity can be read
    """
    client = AtClient(port, age)

    def assessed(raw: Identification) -> Snapshot:
        snapshot = assess(raw, port=port, port_id=port_id, dialect=raw.dialect.name)
        return snapshot._replace(
            commands=client.commands,
            elapsed_ms=round(client.elapsed_s * 1000),
            evidence=client.evidence(),
        )

    def publish(raw: Identification) -> None:
        if early is not None and (not client.sync.has_unproven_values or client.sync.echoing):
            early(assessed(raw))

    run = Identification(client, extras, publish, is_repeated=is_repeated)
    try:
        yield from probe(client, listen_s)
        for _ in range(_MOST_RUNS):
            try:
                yield from run.run()
                break
            except Desynchronized:
                run = Identification(client, extras, publish, is_repeated=is_repeated)
                client.reset()
                yield from client.resync()
        else:
            raise NoAnswer(
                f"the responses on {port} do not match the commands",
                port=port,
                hint="Another program may be using the port. Stop it and try again.",
            )
        yield from client.restore_settings()
    except DeadlinePassed:
        if not run.values:
            raise
        run.mark_unread()
    except NoAnswer:
        if "imei" not in run.values or client.sync.has_unproven_values:
            raise
        run.mark_unread()
    return assessed(run)


class Identification(EquipmentReader):
    """One pass through the ladders of a modem.

    :param publish: called if the SIM is not ready and will be read again
    :param is_repeated: values refused with a reason are left to the next reading
    """

    sim: SimReader

    def __init__(
        self,
        client: AtClient,
        extras: Extras,
        publish: Callable[["Identification"], None],
        *,
        is_repeated: bool = False,
    ) -> None:
        super().__init__(client, SimReader(client, GENERIC_DIALECT))
        self._extras = extras
        self._publish = publish
        self._is_repeated = is_repeated

    def run(self) -> Steps:
        """Read everything, in the order that allows the most to be published early."""
        begun_s = self._client.elapsed_s
        yield from self.read_equipment()
        # From here on it may take long: some SIMs start slowly.
        yield from self._read_sim()
        yield from self._read_refused(begun_s)
        yield from self._prove()
        if self._extras.eid_by_apdu:
            yield from self.sim.read_eid_by_apdu()
        if self._extras.network:
            self.network = yield from read_network(
                self._client, self.sim.state, self.dialect.name, self.kind, self._extras.read_cell
            )

    def _read_sim(self, *, has_started: bool = False) -> Steps:
        self.sim = sim = SimReader(
            self._client, self.dialect, self.kind, on_wait=lambda: self._publish(self)
        )
        sim.has_started = has_started
        yield from sim.read_all(imei=self.values.get("imei"))
        for field in NUMBERS:  # a SIM event or a busy SIM ends a reading early
            sim.states.setdefault(field, ReadState.TIMEOUT)
        imsi = sim.values.get("imsi")
        if imsi and not split_imsi(imsi).certain:
            yield from sim.read_mnc_length()

    def _read_refused(self, begun_s: float) -> Steps:
        """Read again what the modem refused while it may have been starting.

        The next reading, if there is one, has another climb for a refusal with a reason. It
        believes a bare ERROR, because the modem is no longer starting.

        :param begun_s: when the first command was sent
        """
        client = self._client

        def is_open(values: ReadValues, field: str) -> bool:
            return values.is_unknown(field) if self._is_repeated else values.is_open(field)

        wants = [field for field in _REFUSABLE if is_open(self, field)]

        def is_sim_open() -> bool:
            return self.sim.is_readable and any(is_open(self.sim, field) for field in NUMBERS)

        if not wants and not is_sim_open():
            return
        ends_s = client.start_up.ends_s(client.elapsed_s, self.dialect.start_up_s)
        if ends_s <= begun_s:
            return
        if (left_s := ends_s - client.elapsed_s) > 0:
            yield from client.listen(left_s, left_s)
        client.forget_responses()
        for field in wants:
            yield from self.read(field)
            self.choose_dialect()
        if is_sim_open():
            sim = self.sim
            try:
                yield from self._read_sim(has_started=True)
            except DeadlinePassed:
                self.sim = sim
                raise

    def mark_unread(self) -> None:
        """Mark the values that were not reached before the end."""
        for field in MODEM_FIELDS:
            self.states.setdefault(field, ReadState.TIMEOUT)
        for field in SIM_FIELDS:
            self.sim.states.setdefault(field, ReadState.TIMEOUT)

    def _prove(self) -> Steps:
        """End with a command whose response carries its prefix.

        One late response may have shifted all bare responses of a port without echo; then this
        response is wrong too.
        """
        sync = self._client.sync
        if not sync.needs_proof:
            return
        for command, label in _PROOFS:
            response = yield from self._client.send(command, _PROOF_TIMEOUT_S)
            if any(label in line.upper().split(":")[0] for line in response.lines):
                sync.apply(SyncEvent.PROOF)
                return
            if response.timed_out:
                raise Desynchronized(command)
            if response.ok and response.lines:
                is_own = yield from self._client.repeats(response, _PROOF_TIMEOUT_S)
                if not is_own:
                    raise Desynchronized(command)
