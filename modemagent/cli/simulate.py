"""``modemagent simulate``: simulated modems on PTYs or TCP ports, driven over stdin."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

from modemagent.errors import ModemAgentError, UsageError
from modemagent.simulator.catalogue import find, names
from modemagent.simulator.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from modemagent.simulator.faults import FAULTS
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import Script, load
from modemagent.simulator.server import RunningModem, SimulatorServer

#: One modem of a kind differs from the next in its serial; there is room for this many.
MOST_OF_A_KIND = 999

CONTROLS = """\b
Control, one command a line on stdin, each answered by a line beginning `ok`:
  swap NAME [ICCID [IMSI]]     another card     swap-silent: without its URCs
  sim-out NAME, sim-in NAME    card out, in     sim-out-silent, sim-in-silent
  urc NAME LINE                the modem sends LINE unasked
  unplug NAME, replug NAME     the port goes, comes back under the same name
  fault NAME FAULT[=VALUE]     one more fault; `none` takes all away
  quit"""


def _fault_table() -> str:
    width = max(map(len, FAULTS))
    rows = [f"  {name:<{width}}  {fault.summary}" for name, fault in FAULTS.items()]
    return "\b\nFaults, NAME or NAME=VALUE:\n" + "\n".join(rows)


@click.command("simulate", epilog=CONTROLS + "\n\n" + _fault_table())
@click.argument("transcripts", nargs=-1, metavar="TRANSCRIPT...")
@click.option(
    "--count",
    type=click.IntRange(1, MOST_OF_A_KIND),
    default=1,
    help="So many of each, all with identities of their own.",
)
@click.option(
    "--link-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Make links DIR/ttySIM0... to the PTYs.",
)
@click.option(
    "--tcp",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="TCP ports from PORT upwards instead of PTYs; 0: any free ones.",
)
@click.option("--state", default="", help="Condition recorded in the transcript, as 'no sim'.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[=VALUE]", help="See below.")
@click.option("--latency-ms", type=click.FloatRange(0), help="Each answer takes so long.")
@click.option("--list", "list_only", is_flag=True, help="List shipped transcripts and states.")
def command(
    transcripts: tuple[str, ...],
    count: int,
    link_dir: Path | None,
    tcp: int | None,
    state: str,
    faults: tuple[str, ...],
    latency_ms: float | None,
    list_only: bool,
) -> None:
    """Play simulated modems until SIGTERM or Ctrl-C.

    \b
    modemagent simulate quectel-eg25-g
    modemagent simulate telit-ge910-quad simcom-a7670 --count 8 --link-dir /tmp/sim

    TRANSCRIPT is a shipped name (see --list), a transcript file or its folder. One line
    `NAME PATH` is printed for each modem, then `ready`.
    """
    if list_only:
        for name in names():
            script = load(find(name))
            states = f"  [{'; '.join(script.states)}]" if script.states else ""
            click.echo(f"{name}  {script.vendor} {script.model}{states}")
        return
    if not transcripts:
        raise UsageError("no transcript named", hint="See: modemagent simulate --list")
    given = (*faults, f"latency-ms={latency_ms}") if latency_ms is not None else faults
    scripts = [load(find(transcript)) for transcript in transcripts]
    cast = [(n, m) for script in scripts for n, m in _cast(script, count, state, given)]
    _refuse_equal_names([name for name, _ in cast])
    with _stop_signals() as (stopped, signals), SimulatorServer() as stage:
        players: dict[str, RunningModem] = {}
        for number, (name, modem) in enumerate(cast):
            players[name] = _add(stage, name, modem, _seat(number, link_dir, tcp))
        click.echo("".join(f"{name} {p.path}\n" for name, p in players.items()) + "ready")
        control = threading.Thread(target=_obey, args=(players, stopped), daemon=True)
        control.start()
        stopped.wait()
    if signal.SIGINT in signals:
        raise KeyboardInterrupt


def _cast(
    script: Script, count: int, state: str, faults: tuple[str, ...]
) -> Iterator[tuple[str, SimulatedModem]]:
    for clone in range(count):
        name = script.name if clone == 0 else f"{script.name}-{clone + 1}"
        yield name, SimulatedModem(script, clone=clone, state=state, faults=faults)


def _refuse_equal_names(cast: list[str]) -> None:
    for name in cast:
        if cast.count(name) > 1:
            raise UsageError(f"{name} is named twice", hint="Use --count for several of a kind")


def _seat(number: int, link_dir: Path | None, tcp: int | None) -> Endpoint:
    if tcp is not None:
        return TcpEndpoint(tcp + number if tcp else 0)
    if link_dir is None:
        return PtyEndpoint()
    return PtyEndpoint(link_dir / f"ttySIM{number}")


def _add(stage: SimulatorServer, name: str, modem: SimulatedModem, seat: Endpoint) -> RunningModem:
    try:
        if isinstance(seat, PtyEndpoint) and seat.link is not None:
            seat.link.parent.mkdir(parents=True, exist_ok=True)
        return stage.add(name, modem, seat)
    except OSError as error:
        raise ModemAgentError(
            f"no place for {name}: {error}",
            hint="Choose another --link-dir or --tcp port, or fewer modems (ulimit -n)",
        ) from error


@contextmanager
def _stop_signals() -> Iterator[tuple[threading.Event, list[int]]]:
    stopped = threading.Event()
    signals: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        signals.append(number)
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped, signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _obey(players: dict[str, RunningModem], stopped: threading.Event) -> None:
    """Carry out the lines of stdin; its end (``</dev/null``) ends nothing but this."""
    waiting = b""
    while True:
        try:  # not sys.stdin: its lock, held by a waiting thread, would disturb the exit
            data = os.read(0, 4096)
        except OSError:
            return
        if not data:
            return
        *lines, waiting = (waiting + data).split(b"\n")
        for line in lines:
            words = line.decode("utf-8", "replace").strip()
            if words == "quit":
                stopped.set()
                return
            if words:
                _perform_and_say(players, words)


def _perform_and_say(players: dict[str, RunningModem], words: str) -> None:
    try:
        _perform(players, words)
    except (ModemAgentError, OSError, ValueError) as error:
        click.echo(f"modemagent: {error}", err=True)
        return
    with suppress(BrokenPipeError):  # nobody reads on: that ends nothing
        click.echo(f"ok {words}")


def _perform(players: dict[str, RunningModem], words: str) -> None:
    verb, _, rest = words.partition(" ")
    name, _, argument = rest.strip().partition(" ")
    argument = argument.strip()
    player = players.get(name)
    if player is None:
        raise UsageError(f"there is no modem {name!r}: {', '.join(players)}")
    plain_verb = verb.removesuffix("-silent")
    silent = plain_verb != verb
    match plain_verb:
        case "swap":
            player.swap_sim(*shlex.split(argument)[:3], silent=silent)
        case "sim-out":
            player.remove_sim(silent=silent)
        case "sim-in":
            player.insert_sim(silent=silent)
        case "urc" if argument:
            player.urc(argument)
        case "unplug":
            player.unplug()
        case "replug":
            player.replug()
        case "fault" if argument:
            player.fault(argument)
        case _:
            raise UsageError(f"can not do {words!r}; see: modemagent simulate --help")
