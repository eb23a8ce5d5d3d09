"""The layers of `pyproject.toml` hold, and import-linter would notice if they did not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = [LINT_IMPORTS, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for top in (
        *("clinic", "gateway", "booking_service"),
        *("notification_service", "provisioning", "runner"),
    ):
        shutil.copytree(ROOT / top, tmp_path / top)
    return tmp_path


def test_the_layers_hold() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("clinic/domain/booking.py", "from clinic.bookings import repository"),
        ("clinic/domain/clock.py", "import marshmallow"),
        ("clinic/messaging/topology.py", "import nameko"),
        ("clinic/rpc/rpc_client.py", "import eventlet"),
        ("clinic/errors.py", "from booking_service import calendar"),
        ("gateway/app.py", "import nameko.standalone.rpc"),
        ("gateway/http/requests.py", "from gateway import app"),
        ("gateway/api/health.py", "import pymongo"),
        ("gateway/web/rendering.py", "def late():\n    from booking_service import calendar"),
        ("booking_service/decide.py", "from notification_service import delivery"),
        ("provisioning/broker.py", "import runner.run"),
    ],
)
def test_what_breaks_them_is_found(tree: Path, module: str, line: str) -> None:
    path = tree / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    result = lint(tree)
    assert result.returncode == 1
    assert "BROKEN" in result.stdout
