"""The tests' own certificate authority."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """Files of a directory: what clients trust, and what servers show."""

    directory: Path
    authority: trustme.CA

    @property
    def trusted(self) -> Path:
        return self.directory / "ca.pem"

    def server(self, name: str) -> Path:
        """The key and certificate of a server of that name, or address, in one file."""
        file = self.directory / f"{name.replace(':', '_')}.pem"
        self.authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(file)
        return file


def certificates(directory: Path) -> Certificates:
    made = Certificates(directory, trustme.CA())
    made.authority.cert_pem.write_to_path(made.trusted)
    return made
