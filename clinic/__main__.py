"""The tools of whoever keeps the system: `python -m clinic --help`."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
import warnings

import click

# nameko's, when it reads the configuration; it is no news to whoever runs this.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

from clinic.dead_letter_commands import dead_letters  # noqa: E402


@click.group()
@click.option("--config", "path", default=lambda: os.environ.get("CLINIC_CONFIG") or "config.yaml")
@click.pass_context
def main(context: click.Context, path: str) -> None:
    """Keep the clinic's booking system."""
    context.obj = path


@main.command()
@click.argument("url")
def probe(url: str) -> None:
    """Exit with 0 if URL answers 200 within three seconds. For health checks of containers."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - our own address
            answer.read()
    except (OSError, urllib.error.URLError) as error:
        raise click.ClickException(str(error)) from None


main.add_command(dead_letters)

if __name__ == "__main__":
    main(prog_name="python -m clinic")
