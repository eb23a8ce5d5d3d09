"""`python -m provisioning --help`: the one-shot jobs of docker-compose.yml.

Each may be killed at any point and run again at any time.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import click

# nameko causes this warning when it reads the configuration; operators can't act on it.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

from clinic import config  # noqa: E402
from clinic.errors import ConfigError  # noqa: E402
from provisioning.database import create_user  # noqa: E402
from provisioning.secrets import SecretVolumes  # noqa: E402


@click.group()
def main() -> None:
    """Prepare a deployment."""


@main.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--config", "path", default="config.yaml", show_default=True)
def secrets(directory: Path, path: str) -> None:
    """Generate missing secrets, and write to DIRECTORY those that each service may read."""
    try:
        settings = config.settings(config.load(path))
    except ConfigError as error:
        raise click.ClickException(f"{path}: {error}") from None
    SecretVolumes(directory, settings, os.environ).write()
    click.echo("secrets are ready")


@main.command("database-user")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--host", default="mongo", show_default=True)
def database_user(directory: Path, host: str) -> None:
    """Create the services' MongoDB user, or set its password to the one in DIRECTORY."""
    create_user(directory, host)
    click.echo("the database's user is ready")


if __name__ == "__main__":
    main(prog_name="python -m provisioning")
