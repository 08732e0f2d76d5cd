"""Second reading of the IMEI, at the end of a command: does the modem report the same one?

The daemon does not need it, because it compares the readings of a session.
"""

from __future__ import annotations

from modemagent.at.steps import Plan
from modemagent.dialects.catalogue import choose
from modemagent.dialects.table_types import Attempt
from modemagent.errors import ModemAgentError
from modemagent.identity.crosscheck import with_finding
from modemagent.identity.imei import Imei
from modemagent.identity.snapshot import ReadState, Snapshot
from modemagent.modem.at_client import AtClient
from modemagent.modem.sync import Desynchronized


def reread_imei(reading: Snapshot) -> Plan[Snapshot]:
    """Read the IMEI again; return the reading with the finding if the modem reports another one.

    Nothing is sent if the reading is incomplete. A failure of the second reading changes nothing.
    """
    imei, attempt = reading.modem.imei, _attempt(reading)
    if imei is None or attempt is None or _is_unfinished(reading):
        return reading
    client = AtClient(reading.port)
    try:
        found, _ = yield from client.read("imei", attempt)
    except (Desynchronized, ModemAgentError):
        return reading
    reading = reading._replace(
        commands=reading.commands + client.commands,
        elapsed_ms=reading.elapsed_ms + round(client.elapsed_s * 1000),
    )
    again = Imei.check(found.values[0]).normalized if found.certain else None
    if again is None or imei.same_equipment(again):
        return reading
    return with_finding(reading, "cross.imei_unstable", present=True)


def _attempt(reading: Snapshot) -> Attempt | None:
    """Return the attempt that has read the IMEI, None if it is not known."""
    modem = reading.modem
    source = next((each for each in reading.evidence if each.field == "imei"), None)
    if source is None:
        return None
    # a line may join several commands
    commands = [f"AT{part}" for part in source.command.removeprefix("AT").split(";")]
    dialect = choose(modem.manufacturer, modem.model, modem.firmware)
    ladder = dialect.ladder("imei", f"{modem.model or ''} {modem.firmware or ''}")
    return next(
        (each for each in ladder if each.command in commands and each.parser == source.parser), None
    )


def _is_unfinished(reading: Snapshot) -> bool:
    """Return True if the time for the reading was not enough."""
    states = [reading.modem.read, *(sim.read for sim in reading.sims if sim.active)]
    return any(state is ReadState.TIMEOUT for each in states for state in each.values())
