"""Packages stay small enough to read as a list, and each says what it is responsible for."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_MODULES = 12
MAX_SHARED_ROOT_MODULES = 4


def packages(top: str) -> list[Path]:
    return sorted(file.parent for file in (ROOT / top).rglob("__init__.py"))


def modules(package: Path) -> list[str]:
    return [file.stem for file in package.glob("*.py") if file.stem != "__init__"]


PACKAGES = [
    package
    for top in ("clinic", "gateway", "booking_service", "notification_service", "runner")
    for package in packages(top)
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_has_few_modules_and_a_responsibility(package: Path) -> None:
    assert len(modules(package)) <= MAX_MODULES
    source = (package / "__init__.py").read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source))


def test_the_shared_package_has_few_modules_of_its_own() -> None:
    assert len(modules(ROOT / "clinic")) <= MAX_SHARED_ROOT_MODULES


@pytest.mark.parametrize("top", ["clinic", "gateway"])
def test_no_two_modules_of_a_tree_share_a_name(top: str) -> None:
    names = Counter(name for package in packages(top) for name in modules(package))
    assert [name for name, count in names.items() if count > 1] == []
