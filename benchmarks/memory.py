"""A million random and mutated lines: memory stays flat, and the throughput.

    python benchmarks/memory.py [--lines 1000000] [--seed 1]

Lines of recorded modules with random errors (bytes changed, cut, doubled, joined) and plain noise
pass through line splitter, connection, parsers, final results and explanations, in the chunks of a
serial port. After a tenth, half and all of the lines it prints the memory blocks in use by Python
objects (with an empty connection) and the resident memory. The exit status is 3 if the blocks grew
by more than 1 %, or the resident memory by more than 4 MiB: the allocator keeps the memory of the
longest responses.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
import tomllib
from pathlib import Path

from modemagent.at.connection import AtConnection
from modemagent.at.steps import Response
from modemagent.dialects.parsers import PARSERS, parse_value
from modemagent.explain import explain

TRANSCRIPTS = Path(__file__).parents[1] / "fixtures" / "transcripts"
QUESTIONS = ("AT+CGSN", "AT+CIMI", "AT+CCID", "AT+CPIN?", "AT+CEREG?")
GROWTH = 0.01
HELD_KIB = 4096
PIECE = 512


def recorded() -> list[bytes]:
    """Return every line that a transcript's module has sent."""
    found: set[str] = set()
    for path in TRANSCRIPTS.glob("*/transcript.toml"):
        for exchange in tomllib.loads(path.read_text(encoding="utf-8")).get("exchange", ()):
            found.update(exchange.get("lines", ()))
    return sorted(line.encode("utf-8") for line in found if line)


def spoiled(line: bytes, chance: random.Random) -> bytes:
    """Return the line with one error, or noise instead of it."""
    kind = chance.randrange(6)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 80))
    if kind == 1:
        place = chance.randrange(len(line))
        return line[:place] + bytes((chance.randrange(256),)) + line[place + 1 :]
    if kind == 2:
        return line[: chance.randrange(len(line))]
    if kind == 3:
        return line * chance.randrange(2, 40)
    if kind == 4:
        return line + chance.choice((b"\x1b[2J", b"9" * 5000, b"\x00" * 9, "\u202e".encode()))
    return line


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(row for row in status.splitlines() if row.startswith("VmRSS")).split()[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    lines = recorded()
    shapes = list(PARSERS)
    marks = {options.lines // 10: "10 %", options.lines // 2: "50 %", options.lines: "100 %"}
    kept: list[int] = []
    held: list[int] = []
    dialogue = AtConnection()
    question = QUESTIONS[0]
    dialogue.send(question)
    waiting = b""
    begun = time.perf_counter()
    for number in range(1, options.lines + 1):
        waiting += b"\r\n" + spoiled(chance.choice(lines), chance) + b"\r\n"
        while len(waiting) >= PIECE:
            piece, waiting = waiting[:PIECE], waiting[PIECE:]
            for event in dialogue.receive_data(piece):
                for line in event.lines[:8] if isinstance(event, Response) else (event.line,):
                    parse_value(chance.choice(shapes), line, command=question)
                    explain(question, line)
        if not dialogue.in_flight:
            dialogue.take_unsolicited()
            question = chance.choice(QUESTIONS)
            dialogue.send(question)
        elif number % 500 == 0:
            dialogue.expire()
        if number in marks:
            if dialogue.in_flight:
                dialogue.expire()
            dialogue.take_unsolicited()
            gc.collect()
            kept.append(sys.getallocatedblocks())
            held.append(resident_kib())
            print(
                f"{marks[number]:>6} {number:>9} lines  {kept[-1]:>7} blocks kept  "
                f"{held[-1] / 1024:5.1f} MiB held"
            )
            dialogue.send(question)
    spent = time.perf_counter() - begun
    print(f"{options.lines / spent:,.0f} lines/s")
    growth = kept[-1] / kept[0] - 1
    met = growth <= GROWTH and held[-1] - held[0] <= HELD_KIB
    print(f"kept: {growth:+.2%}, at most {GROWTH:.0%}; held: {held[-1] - held[0]:+} KiB,", end=" ")
    print(f"at most {HELD_KIB}: {'met' if met else 'NOT MET'}")
    return 0 if met else 3


if __name__ == "__main__":
    raise SystemExit(main())
