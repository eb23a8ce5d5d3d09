"""The commands of the clinic, with traps: `python -m tests.faults.sabotage.dead_letters`."""

from clinic.__main__ import main
from tests.faults.sabotage.trap import install

install("dead-letters")
main(prog_name="python -m clinic")
