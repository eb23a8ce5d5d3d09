"""Command-line tools for operators: `python -m clinic --help`."""

from __future__ import annotations

import os
import warnings

import click

# nameko causes this warning when it reads the configuration; operators can't act on it.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

from clinic.cli.catalogue_commands import catalogue  # noqa: E402
from clinic.cli.dead_letter_commands import dead_letters  # noqa: E402


@click.group()
@click.option("--config", "path", default=lambda: os.environ.get("CLINIC_CONFIG") or "config.yaml")
@click.pass_context
def main(context: click.Context, path: str) -> None:
    """Operate the clinic's booking system."""
    context.obj = path


main.add_command(catalogue)
main.add_command(dead_letters)

if __name__ == "__main__":
    main(prog_name="python -m clinic")
