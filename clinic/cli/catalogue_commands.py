"""`python -m clinic catalogue ...`: check, import or export the catalogue of the clinic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from clinic import config
from clinic.catalogue.comparison import Changes, KindChanges
from clinic.catalogue.problems import problems_in
from clinic.catalogue.schema.catalogue_schema import ItemKind
from clinic.catalogue.store import CatalogueStore
from clinic.catalogue.yaml_catalogue import CatalogueFile, read_catalogue, to_yaml
from clinic.domain.catalogue import DEFAULT_CLINIC, is_catalogue_id
from clinic.errors import CatalogueInvalid, ClinicError, ItemInUse, TransientError


def _clinic_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not is_catalogue_id(value):
        raise click.BadParameter("must be 1 to 24 of a-z, 0-9 and -")
    return value


file_argument = click.argument(
    "file",
    metavar="FILE.yaml",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
)
clinic_option = click.option(
    "--clinic", default=DEFAULT_CLINIC, show_default=True, callback=_clinic_id, help="Its id."
)


@click.group()
def catalogue() -> None:
    """Check, import or export the services, schedules and sites of the clinic."""


@catalogue.command()
@file_argument
def check(file: Path) -> None:
    """Check a file, or standard input for `-`, without a database."""
    found = _checked(file)
    click.echo(f"{file}: {found.count_items()} items, no problems")


@catalogue.command("import")
@file_argument
@clinic_option
@click.option("--dry-run", is_flag=True, help="Show what would change without changing it.")
@click.pass_obj
def import_file(path: str, file: Path, clinic: str, dry_run: bool) -> None:
    """Replace the catalogue by the one of a file, or of standard input for `-`.

    The change is atomic. Items that the file lacks are removed, unless upcoming bookings need them.
    """
    found = _checked(file)
    with _opened(path) as store, _problems_in(file, found):
        apply = store.plan if dry_run else store.replace
        changes = apply(clinic, found.data)
        _show(changes)
        done = "(dry run, nothing was done)" if dry_run else f"version {store.version(clinic)}"
    click.echo(f"Imported: {done}" if changes else "No changes")


@catalogue.command()
@file_argument
@clinic_option
@click.pass_obj
def export(path: str, file: Path, clinic: str) -> None:
    """Write the catalogue to a file, which `import` reads; to standard output for `-`."""
    with _opened(path) as store:
        whole = store.export(clinic)
    if whole is None:
        raise click.ClickException("the clinic has no catalogue")
    try:
        with click.open_file(str(file), "w", encoding="utf-8") as stream:
            stream.write(to_yaml(whole))
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None


def _checked(file: Path) -> CatalogueFile:
    """Read a file. Raises: ClickException, after it has shown all problems."""
    try:
        with click.open_file(str(file), "rb") as stream:
            found = read_catalogue(stream)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from None
    with click.progressbar(length=found.count_items(), label="Checking") as progress:
        problems = found.find_problems(lambda: progress.update(1))
    if problems:
        _fail(file, [str(problem) for problem in problems])
    return found


def _fail(file: Path, problems: list[str]) -> None:
    for problem in problems:
        click.echo(f"{file}:{problem}", err=True)
    raise click.ClickException(f"{file}: problems: {len(problems)}")


@contextmanager
def _problems_in(file: Path, found: CatalogueFile) -> Iterator[None]:
    """Show errors of the store; it may find another version of the catalogue than expected."""
    try:
        yield
    except CatalogueInvalid as error:
        _fail(file, [str(found.located.locate(problem)) for problem in problems_in(error)])
    except ItemInUse as error:
        raise click.ClickException(f"nothing was removed: {error}") from None


def _show(changes: Changes) -> None:
    if changes.is_profile_changed:
        click.echo("~ clinic")
    for kind in ItemKind:
        found = changes.items.get(kind, KindChanges())
        for sign, ids in (("+", found.added), ("~", found.changed), ("-", found.removed)):
            for item_id in ids:
                click.echo(f"{sign} {kind.value}/{item_id}")
    if changes.is_reordered:
        click.echo("~ order")
    for kind in ItemKind:
        found = changes.items.get(kind, KindChanges())
        counts = f"{len(found.added)} added, {len(found.changed)} changed"
        click.echo(f"{kind.value}: {counts}, {len(found.removed)} removed")


@contextmanager
def _opened(path: str) -> Iterator[CatalogueStore]:
    try:
        uri = config.settings(config.load(path)).mongodb_uri
    except ClinicError as error:
        raise click.ClickException(f"{path}: {error}") from None
    try:
        with CatalogueStore.opened(uri) as store:
            yield store
    except TransientError as error:
        # The driver adds its timeouts and its view of the servers.
        reason = re.split(r" \(configured |, Timeout:|\n", str(error.__cause__ or error))[0]
        raise click.ClickException(f"the catalogue can't be read or written: {reason}") from None
