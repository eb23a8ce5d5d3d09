"""The clinic's commands with fault injection.

`python -m tests.faults.injection.dead_letters`
"""

from clinic.__main__ import main
from tests.faults.injection.injector import install

install("dead-letters")
main(prog_name="python -m clinic")
