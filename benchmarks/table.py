"""The printed form of the results."""

from __future__ import annotations

from typing import Any

from measure import FIELDS
from mixed import LATE_MS

SIGNS = {"right": "yes", "wrong": "WRONG", "none": "-", None: "-"}


def print_all(results: dict[str, Any]) -> None:
    """Print all results: machine, one modem, many modems, limits."""
    print(f"{results['machine']}, Python {results['python']}, load {results['load']:.1f}")
    print(f"medians of {results['runs']} rounds; modems think {results['think_ms']:g} ms a line\n")
    _print_single(results)
    _print_mixed(results["mixed"])
    print("\nPromised")
    for row in results["promises"]:
        verdict = "met" if row["met"] else "NOT MET"
        print(f"  {row['name']:40} {row['value']:6.2f}   at most {row['limit']:.1f}   {verdict}")


def _print_single(results: dict[str, Any]) -> None:
    floor = results["single"]["raw, 1 joined line"]["ms"]
    print("One EG25-G")
    print(
        f"  {'':24} {'ms':>8} {'least':>8} {'/floor':>7}"
        f" {'lines':>5} {'B out':>6} {'B in':>6} {'MB':>5}"
        f"  {'IMEI':5} {'IMSI':5} {'ICCID':5}  {'URC in between':15} mute port"
    )
    for name, row in results["single"].items():
        rss = f"{row['rss_mb']:.1f}" if "rss_mb" in row else ""
        marks = " ".join(
            f"{SIGNS[row['verdicts'].get(field)] if row['verdicts'] else '':5}" for field in FIELDS
        )
        wire = results["wire"].get(name, {"urc": "", "mute": ""})
        print(
            f"  {name:24} {row['ms']:8.1f} {row['ms_least']:8.1f} {row['ms'] / floor:7.1f}"
            f" {row['lines']:5} {row['received']:6} {row['sent']:6} {rss:>5}"
            f"  {marks}  {wire['urc']:15} {wire['mute']}".rstrip()
        )
    for name, how in results["missing"].items():
        print(f"  {name:24} not installed: {how}")


def _print_mixed(many: dict[str, Any]) -> None:
    print(f"\n{many['modems']} modems of {many['kinds']} kinds at once")
    for name, value in many["ms"].items():
        kind = f"  ({many['slowest_kind']})" if name.startswith("slowest") else ""
        print(f"  {name:32} {value:8.1f} ms{kind}")
    for way, seconds in many["cpu_s"].items():
        print(f"  {'CPU, ' + way:32} {seconds * 1000:8.1f} ms")
    print(f"  {'peak memory, whole process':32} {many['rss_mb']:8.1f} MB")
    median, worst = many["simulator_late_ms"], many["simulator_late_ms_worst"]
    print(
        f"  {many['simulators']} simulators: {many['simulator_cpu_s'] * 1000:.0f} ms CPU in all,"
        f" answers late by {median:.1f} ms (median), {worst:.1f} ms (worst)"
    )
    if many["simulator_late_ms"] > LATE_MS:
        print("  THE SIMULATORS ARE LATE: they are what is measured here; try --simulators 4")
    for error in many["errors"]:
        print(f"  {error}")
    if not many["errors"]:
        print(f"  every number right in {many['runs_compared']} runs")
