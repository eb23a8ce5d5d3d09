from __future__ import annotations

import os
import pty

from runner.processes.terminal import Terminal


def test_a_terminal_is_gone_when_its_other_side_is_closed():
    other_side, ours = pty.openpty()
    terminal = Terminal(ours)
    assert not terminal.is_gone()

    os.close(other_side)

    assert terminal.is_gone()
    os.close(ours)


def test_the_end_of_what_is_piped_in_is_not_the_end_of_a_terminal():
    ours, other_side = os.pipe()
    terminal = Terminal(ours)

    os.close(other_side)

    assert not terminal.is_gone()
    os.close(ours)
