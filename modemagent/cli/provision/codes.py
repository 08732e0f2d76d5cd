"""``modemagent provision bays sheet``: the codes to scan, as a PDF file."""

from __future__ import annotations

from pathlib import Path

import click

from modemagent.cli.options import value_option
from modemagent.cli.provision.order_options import station_options, writing
from modemagent.errors import UsageError
from modemagent.provisioning.bench_file import BenchSettings


@click.command("sheet")
@station_options
@value_option("--count", "N", "Bays 01 to N, instead of those of the station.",
              type=click.IntRange(1, 200))  # fmt: skip
@value_option("--output", "FILE", "PDF file.", type=click.Path(dir_okay=False, path_type=Path),
              default=Path("codes.pdf"))  # fmt: skip
def sheet_command(
    settings: BenchSettings, state_dir: Path, count: int | None, output: Path
) -> None:
    """Write the codes of bays and commands, and the check of scanners, as pages to print.

    \b
    modemagent provision bays sheet
    modemagent provision bays sheet --count 16 --output codes.pdf

    The last page shows what a scanner does wrong: scan all its codes on each scanner once.
    """
    from modemagent.provisioning.code_sheet import codes_pdf

    bays = [f"{n:02}" for n in range(1, count + 1)] if count is not None else list(settings.bays)
    if not bays:
        raise UsageError(
            "the station has no bays", hint="Give --count N, or name them in bench.toml."
        )
    content = codes_pdf(bays)
    with writing(output):
        output.write_bytes(content)
    click.echo(f"written: {output}, codes of {len(bays)} bays")
