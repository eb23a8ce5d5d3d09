"""`python -m clinic dead-letters ...`: list, replay or drop dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from clinic import config
from clinic.dead_letters.dead_letter import DeadLetter
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.errors import BrokerUnavailable, ClinicError

_COLUMNS = "{id:<13} {queue:<40} {errorCode:<25} {attempt:>7} {replayCount:>8}  {deadLetteredAt}"
_HEADINGS = {
    "id": "ID",
    "queue": "QUEUE",
    "errorCode": "ERROR",
    "attempt": "ATTEMPT",
    "replayCount": "REPLAYED",
    "deadLetteredAt": "DEAD-LETTERED",
}

chosen = click.argument("ids", nargs=-1, metavar="[ID]...")
by_error_code = click.option("--error-code", help="Only dead letters with this error code.")
everything = click.option("--all", "all_of_them", is_flag=True, help="Every dead letter.")
dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done without doing it.")


@click.group("dead-letters")
def dead_letters() -> None:
    """List, replay or drop dead letters."""


@dead_letters.command("list")
@by_error_code
@click.pass_obj
def list_dead_letters(path: str, error_code: str | None) -> None:
    """List dead letters, oldest first in each queue."""
    with _opened(path) as queues:
        found = [
            dead_letter
            for dead_letter in queues.fetch_all()
            if error_code in (None, dead_letter.error_code)
        ]
        click.echo(_COLUMNS.format(**_HEADINGS))
        for dead_letter in found:
            click.echo(_COLUMNS.format(**dead_letter.to_dict()).rstrip())
        click.echo(f"{len(found)} dead letters")


@dead_letters.command()
@click.argument("id_")
@click.pass_obj
def show(path: str, id_: str) -> None:
    """Show a dead letter with its headers and its (untrusted) body."""
    with _opened(path) as queues:
        dead_letter = next((found for found in queues.fetch_all() if found.id == id_), None)
        if dead_letter is None:
            raise click.ClickException(f"there is no dead letter {id_}")
        for name, value in dead_letter.to_dict().items():
            click.echo(f"{name}: {value}")
        click.echo(f"headers: {dead_letter.headers_text}")
        click.echo(f"body: {_printable(dead_letter.body)}")


@dead_letters.command()
@chosen
@by_error_code
@everything
@dry_run
@click.pass_obj
def replay(
    path: str, ids: tuple[str, ...], error_code: str | None, all_of_them: bool, dry_run: bool
) -> None:
    """Publish dead letters to their queues again; attempts restart at 1.

    An interrupted run loses nothing: run it again. A message that is sent twice is processed once.
    A message that is too large to be read stays in its queue.
    """
    select = _selection(ids, error_code, all_of_them)
    with _opened(path) as queues:
        _each(
            queues,
            lambda dead_letter: dead_letter.can_be_replayed and select(dead_letter),
            queues.replay,
            "Replayed",
            dry_run,
        )


@dead_letters.command()
@chosen
@by_error_code
@everything
@dry_run
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@click.pass_obj
def drop(
    path: str,
    ids: tuple[str, ...],
    error_code: str | None,
    all_of_them: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Delete dead letters permanently."""
    select = _selection(ids, error_code, all_of_them)
    if not (dry_run or yes):
        click.confirm("Dropped messages can't be recovered. Continue?", abort=True)
    with _opened(path) as queues:
        _each(queues, select, queues.drop, "Dropped", dry_run)


def _selection(
    ids: tuple[str, ...], error_code: str | None, all_of_them: bool
) -> Callable[[DeadLetter], bool]:
    if not (ids or error_code or all_of_them):
        raise click.UsageError("name the dead letters: ids, --error-code or --all")
    return lambda dead_letter: (
        (not ids or dead_letter.id in ids) and error_code in (None, dead_letter.error_code)
    )


def _each(
    queues: DeadLetterQueues,
    select: Callable[[DeadLetter], bool],
    act: Callable[[DeadLetter], None],
    done: str,
    dry_run: bool,
) -> None:
    found = [dead_letter for dead_letter in queues.fetch_all() if select(dead_letter)]
    if dry_run:
        for dead_letter in found:
            click.echo(f"{dead_letter.id} {dead_letter.error_code}")
        click.echo(f"{done}: {len(found)} (dry run, nothing was done)")
        return
    with click.progressbar(found, label=done) as progress:
        for dead_letter in progress:
            act(dead_letter)
    click.echo(f"{done}: {len(found)}")


def _printable(body: bytes) -> str:
    """Escape untrusted text, so that it can't control the terminal."""
    text = body.decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


@contextmanager
def _opened(path: str) -> Iterator[DeadLetterQueues]:
    try:
        settings = config.settings(config.load(path))
    except ClinicError as error:
        raise click.ClickException(f"{path}: {error}") from None
    try:
        with DeadLetterQueues.opened(settings) as queues:
            yield queues
    except BrokerUnavailable as error:
        reason = error.__cause__ or error
        raise click.ClickException(f"the broker can't be reached: {reason}") from None
