"""The e-mails that the tests' mail server has accepted."""

from __future__ import annotations

import email.parser
import email.policy
from email.message import EmailMessage
from pathlib import Path


def emails_in(directory: Path) -> list[EmailMessage]:
    """Everything taken so far, in order; `X-Recipient` tells who it was handed over for, and
    `X-Taken-At` when."""
    files = sorted(directory.glob("*.eml"), key=lambda file: int(file.stem))
    parser = email.parser.BytesParser(EmailMessage, policy=email.policy.default)
    return [parser.parsebytes(file.read_bytes()) for file in files]
