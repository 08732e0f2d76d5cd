"""``modemagent simulate``: simulated modems on PTYs or TCP ports, controlled over stdin."""

from __future__ import annotations

import io
import os
import shlex
import signal
import threading
from contextlib import suppress
from pathlib import Path

import click

from modemagent.cli.options import flag_option, value_option
from modemagent.errors import ModemAgentError, UsageError
from modemagent.simulator.catalogue import find, names
from modemagent.simulator.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from modemagent.simulator.faults import FAULTS
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import load
from modemagent.simulator.server import RunningModem, SimulatorServer

#: Modems of one transcript differ in three digits of their serial number.
MOST_OF_A_KIND = 999

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_FAULT_WIDTH = max(map(len, FAULTS))
CONTROLS = """\b
Control commands, one per line on stdin, each answered by a line with `ok`:
  swap NAME [ICCID [IMSI]]     replace the SIM      swap-silent: without URCs
  sim-out NAME, sim-in NAME    remove, insert the SIM    sim-out-silent, sim-in-silent
  urc NAME LINE                send LINE as a URC
  unplug NAME, replug NAME     remove the port, restore it under the same name
  fault NAME FAULT[=VALUE]     add a fault; `none` removes all
  quit

\b
Faults, NAME or NAME=VALUE:
""" + "\n".join(f"  {name:<{_FAULT_WIDTH}}  {fault.summary}" for name, fault in FAULTS.items())


@click.command("simulate", epilog=CONTROLS)
@click.argument("transcripts", nargs=-1, metavar="TRANSCRIPT...")
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(1, MOST_OF_A_KIND),
    default=1,
    help="Number of modems per transcript, each with its own identifiers.",
)
@value_option(
    "--link-dir",
    "DIR",
    "Create links DIR/ttySIM0... to the PTYs.",
    type=click.Path(file_okay=False, path_type=Path),
)
@value_option(
    "--tcp",
    "PORT",
    "Use TCP ports from PORT upwards instead of PTYs; 0 selects free ports.",
    type=click.IntRange(0, 65535),
)
@click.option(
    "--state",
    metavar="STATE",
    default="",
    help="Start in this state of the transcript, such as 'no sim'.",
)
@value_option(
    "--fault",
    "NAME[=VALUE]",
    "Add a fault from the list below; repeatable.",
    "faults",
    multiple=True,
)
@click.option(
    "--latency-ms",
    metavar="MS",
    type=click.FloatRange(0),
    help="Delay each response by MS milliseconds.",
)
@flag_option("--list", "List the included transcripts and their states.", "list_only")
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
    """Run simulated modems until SIGTERM or Ctrl-C.

    \b
    modemagent simulate quectel-eg25-g
    modemagent simulate telit-ge910-quad simcom-a7670 --count 8 --link-dir /tmp/sim

    TRANSCRIPT is the name of an included transcript (see --list), a transcript file or its
    directory. A line `NAME PATH` is printed for each modem, then `ready`.
    """
    if list_only:
        for name in names():
            script = load(find(name))
            states = f"  [{'; '.join(script.states)}]" if script.states else ""
            click.echo(f"{name}  {script.vendor} {script.model}{states}")
        return
    if not transcripts:
        raise UsageError("no transcript named", hint="See: modemagent simulate --list")
    if latency_ms is not None:
        faults = (*faults, f"latency-ms={latency_ms}")
    simulated: dict[str, SimulatedModem] = {}
    for script in [load(find(transcript)) for transcript in transcripts]:
        for clone in range(count):
            name = script.name if clone == 0 else f"{script.name}-{clone + 1}"
            if name in simulated:
                raise UsageError(
                    f"{name} is named twice", hint="Use --count for several modems of a kind."
                )
            simulated[name] = SimulatedModem(script, clone=clone, state=state, faults=faults)
    # Blocked in every thread, so that the links are removed whenever a signal arrives.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    with SimulatorServer() as server:
        running: dict[str, RunningModem] = {}
        for number, (name, modem) in enumerate(simulated.items()):
            try:
                running[name] = server.add(name, modem, _endpoint(number, link_dir, tcp))
            except FileExistsError as error:
                raise ModemAgentError(
                    f"{error.filename2 or error.filename} exists already",
                    hint="It is not replaced. Remove it, or choose another --link-dir.",
                ) from error
            except OSError as error:
                raise ModemAgentError(
                    f"no endpoint for {name}: {error}",
                    hint="Choose another --link-dir or --tcp port, or fewer modems (ulimit -n).",
                ) from error
        click.echo("".join(f"{name} {each.path}\n" for name, each in running.items()) + "ready")
        threading.Thread(target=_control, args=(running,), daemon=True).start()
        stopped_by = signal.sigwait(_STOP_SIGNALS)
    if stopped_by == signal.SIGINT:
        raise KeyboardInterrupt


def _endpoint(number: int, link_dir: Path | None, tcp: int | None) -> Endpoint:
    if tcp is not None:
        return TcpEndpoint(tcp + number if tcp else 0)
    if link_dir is None:
        return PtyEndpoint()
    link_dir.mkdir(parents=True, exist_ok=True)
    return PtyEndpoint(link_dir / f"ttySIM{number}")


def _control(running: dict[str, RunningModem]) -> None:
    """Execute the lines of stdin; its end (``</dev/null``) does not stop the modems."""
    # Unbuffered: a waiting thread would hold the lock of sys.stdin when the process exits.
    with suppress(OSError), io.FileIO(0, closefd=False) as stdin:
        while (line := stdin.readline()).endswith(b"\n"):
            words = line.decode("utf-8", "replace").strip()
            if words == "quit":
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if words:
                _execute(running, words)


def _execute(running: dict[str, RunningModem], words: str) -> None:
    try:
        _apply(running, words)
    except (ModemAgentError, OSError, ValueError) as error:
        click.echo(f"modemagent: {error}", err=True)
        return
    with suppress(BrokenPipeError):  # the modems run on without a reader
        click.echo(f"ok {words}")


def _apply(running: dict[str, RunningModem], words: str) -> None:
    verb, _, rest = words.partition(" ")
    name, _, argument = rest.strip().partition(" ")
    argument = argument.strip()
    modem = running.get(name)
    if modem is None:
        raise UsageError(f"unknown modem {name!r}; running: {', '.join(running)}")
    base_verb = verb.removesuffix("-silent")
    silent = base_verb != verb
    match base_verb:
        case "swap":
            modem.swap_sim(*shlex.split(argument)[:3], silent=silent)
        case "sim-out":
            modem.remove_sim(silent=silent)
        case "sim-in":
            modem.insert_sim(silent=silent)
        case "urc" if argument:
            modem.urc(argument)
        case "unplug":
            modem.unplug()
        case "replug":
            modem.replug()
        case "fault" if argument:
            modem.fault(argument)
        case _:
            raise UsageError(f"unknown control command {words!r}; see: modemagent simulate --help")
