"""Runs fault campaigns against the real system: `python -m tests.faults [campaign ...]`.

Each campaign has a broker, a database, a mail server and services of its own. The seed is printed;
given again it draws the same faults.
"""

from __future__ import annotations

import tests.conftest  # noqa: F401 - it patches for eventlet, before anything else is imported

# isort: split
import argparse
import random
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.faults import (
    broken_broker,
    broken_links,
    cluster_campaign,
    crash_points,
    messages,
    random_kills,
    short,
    soak,
)
from tests.faults.outcome import Outcome, table

Run = Callable[[Path, int], Outcome]


def main() -> None:
    options = _options()
    # What is asked to end ends the processes that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"seed {options.seed}, everything is kept in {options.directory}", flush=True)
    campaigns = _campaigns(options)
    names = options.campaigns or [name for name in campaigns if name != "short"]
    outcomes = [_run(name, campaigns[name], options) for name in names]
    print(f"\n{table(outcomes)}")
    for violation in (each for outcome in outcomes for each in outcome.violations):
        print(f"broken: {violation}")
    sys.exit(0 if all(outcome.is_good for outcome in outcomes) else 1)


def _campaigns(options: argparse.Namespace) -> dict[str, Run]:
    minutes = {"minutes": options.minutes} if options.minutes else {}
    return {
        "crash-points": partial(crash_points.run, words=options.points),
        "random-kills": partial(random_kills.run, **minutes),
        "catalogue": partial(
            random_kills.run_with_catalogue, settle_seconds=options.settle, **minutes
        ),
        "broken-broker": broken_broker.run,
        "lossy-broker": broken_broker.run_lossy,
        "broken-links": broken_links.run,
        "bad-messages": messages.run,
        "cluster": cluster_campaign.run,
        "soak": partial(soak.run, **minutes),
        "short": partial(short.run, settle_seconds=options.settle),
    }


def _run(name: str, run: Run, options: argparse.Namespace) -> Outcome:
    print(f"{name}:", flush=True)
    directory = options.directory / name
    directory.mkdir(parents=True)
    try:
        return run(directory, options.seed)
    except Exception as error:
        traceback.print_exc()
        return Outcome(name, {}, [f"I0: the campaign ended with {error!r}"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("campaigns", nargs="*", help="all but `short` if none is named")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--minutes", type=float, help="for random-kills, catalogue and soak")
    parser.add_argument("--points", nargs="+", default=(), help="the first words of crash points")
    parser.add_argument("--settle", type=float, default=180, help="seconds to wait for quiet")
    parser.add_argument("--directory", type=Path, help="where logs and data are kept")
    options = parser.parse_args()
    options.directory = options.directory or Path(tempfile.mkdtemp(prefix="faults-"))
    return options


if __name__ == "__main__":
    main()
