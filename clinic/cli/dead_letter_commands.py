"""`python -m clinic dead-letters ...`: what a person does about messages that were given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from clinic import config
from clinic.dead_letters.dead_letter import DeadLetter
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.errors import BrokerUnavailable, ClinicError

_COLUMNS = "{id:<13} {queue:<40} {cause:<22} {attempt:>7} {replayed:>8}  {parkedAt}"
_HEADINGS = {
    "id": "ID",
    "queue": "QUEUE",
    "cause": "CAUSE",
    "attempt": "ATTEMPT",
    "replayed": "REPLAYED",
    "parkedAt": "PARKED AT",
}

chosen = click.argument("ids", nargs=-1, metavar="[ID]...")
by_cause = click.option("--cause", help="Only those given up for this cause.")
everything = click.option("--all", "all_of_them", is_flag=True, help="Every dead letter.")
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at messages that were given up, send them round again, or drop them."""


@dead_letters.command("list")
@by_cause
@click.pass_obj
def list_letters(path: str, cause: str | None) -> None:
    """List them, oldest first in each queue."""
    with _opened(path) as letters:
        found = [letter for letter in letters.waiting() if cause in (None, letter.cause)]
        click.echo(_COLUMNS.format(**_HEADINGS))
        for letter in found:
            click.echo(_COLUMNS.format(**letter.described()).rstrip())
        click.echo(f"{len(found)} dead letters")


@dead_letters.command()
@click.argument("id_")
@click.pass_obj
def show(path: str, id_: str) -> None:
    """Show one with its headers and its body, which may hold what somebody else has put there."""
    with _opened(path) as letters:
        letter = next((each for each in letters.waiting() if each.id == id_), None)
        if letter is None:
            raise click.ClickException(f"there is no dead letter {id_}")
        for name, value in letter.described().items():
            click.echo(f"{name}: {value}")
        click.echo(f"headers: {letter.headers_text}")
        click.echo(f"body: {_printable(letter.body)}")


@dead_letters.command()
@chosen
@by_cause
@everything
@dry_run
@click.pass_obj
def replay(
    path: str, ids: tuple[str, ...], cause: str | None, all_of_them: bool, dry_run: bool
) -> None:
    """Send them round again, with all their attempts before them.

    Interrupted, it has lost nothing: run it again. What is sent twice is done once. One that is too
    large to be read is left where it is.
    """
    select = _selection(ids, cause, all_of_them)
    with _opened(path) as letters:
        _each(
            letters,
            lambda letter: letter.may_be_replayed and select(letter),
            letters.replay,
            "Replayed",
            dry_run,
        )


@dead_letters.command()
@chosen
@by_cause
@everything
@dry_run
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def drop(
    path: str, ids: tuple[str, ...], cause: str | None, all_of_them: bool, dry_run: bool, yes: bool
) -> None:
    """Delete them for good."""
    select = _selection(ids, cause, all_of_them)
    if not (dry_run or yes):
        click.confirm("A dropped message is gone for good. Go on?", abort=True)
    with _opened(path) as letters:
        _each(letters, select, letters.drop, "Dropped", dry_run)


def _selection(
    ids: tuple[str, ...], cause: str | None, all_of_them: bool
) -> Callable[[DeadLetter], bool]:
    if not (ids or cause or all_of_them):
        raise click.UsageError("name the letters: ids, --cause or --all")
    return lambda letter: (not ids or letter.id in ids) and cause in (None, letter.cause)


def _each(
    letters: DeadLetterQueues,
    select: Callable[[DeadLetter], bool],
    act: Callable[[DeadLetter], None],
    done: str,
    dry_run: bool,
) -> None:
    found = [letter for letter in letters.waiting() if select(letter)]
    if dry_run:
        for letter in found:
            click.echo(f"{letter.id} {letter.cause}")
        click.echo(f"{done}: {len(found)} (dry run, nothing was done)")
        return
    with click.progressbar(found, label=done) as progress:
        for letter in progress:
            act(letter)
    click.echo(f"{done}: {len(found)}")


def _printable(body: bytes) -> str:
    """Write a foreign text so that it can't take the terminal over."""
    text = body.decode("utf-8", "backslashreplace")
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode()
        for each in text
    )


@contextmanager
def _opened(path: str) -> Iterator[DeadLetterQueues]:
    try:
        settings = config.settings(config.load(path))
    except ClinicError as error:
        raise click.ClickException(f"{path}: {error}") from None
    try:
        with DeadLetterQueues.opened(settings) as letters:
            yield letters
    except BrokerUnavailable as error:
        told = error.__cause__ or error
        raise click.ClickException(f"the broker can't be reached: {told}") from None
