"""Who may import whom. The rules are checked on the source, so that an import inside a function
counts too; the checker itself is tried on small packages that break each rule."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = frozenset({"gateway", "booking_service", "notification_service"})
HOUSE = SERVICES | {"clinic", "provisioning", "runner"}
FRAMEWORKS = frozenset(
    {"nameko", "nameko_mongodb", "flask", "werkzeug", "pymongo", "bson", "kombu"}
    | {"eventlet", "amqp", "marshmallow"}
)
PURE = [
    "clinic.domain.booking",
    "clinic.domain.reasons",
    "clinic.domain.clock",
    "clinic.errors",
    "clinic.domain.retry_policy",
    "clinic.domain.manage_link",
    "clinic.domain.manage_token",
    "clinic.contracts.strict_json",
    "clinic.contracts.messages",
    "booking_service.calendar",
    "booking_service.booking_rules",
]


class Sources:
    """The Python modules below a folder, and what each of them imports."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def modules(self, package: str) -> list[str]:
        files = sorted((self._root / package).rglob("*.py"))
        return [self._name(file) for file in files]

    def imports(self, module: str) -> set[str]:
        """Full names of what a module imports, whether of modules or of things inside them."""
        path = self._path(module)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        return {name for node in ast.walk(tree) for name in _imported(node, package)}

    def reachable(self, module: str) -> set[str]:
        """What a module imports, directly or through modules of the house."""
        seen: set[str] = set()
        waiting = [module]
        while waiting:
            for name in self.imports(waiting.pop()) - seen:
                seen.add(name)
                waiting += self._modules_of(name)
        return seen

    def _modules_of(self, name: str) -> Iterator[str]:
        """The modules of the house that run when `name` is imported: it and its packages."""
        parts = name.split(".")
        if parts[0] in HOUSE:
            for length in range(1, len(parts) + 1):
                candidate = ".".join(parts[:length])
                if self._path(candidate).exists():
                    yield candidate

    def _path(self, module: str) -> Path:
        base = self._root.joinpath(*module.split("."))
        return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")

    def _name(self, file: Path) -> str:
        parts = file.relative_to(self._root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        origin = node.module or ""
        if node.level:
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            origin = ".".join([*parents, origin] if origin else parents)
        for alias in node.names:
            yield f"{origin}.{alias.name}"


def tops(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def foreign_imports(
    sources: Sources, package: str, forbidden: frozenset[str]
) -> dict[str, set[str]]:
    """The modules of a package that import what they may not."""
    found = {each: tops(sources.imports(each)) & forbidden for each in sources.modules(package)}
    return {module: names for module, names in found.items() if names}


@pytest.fixture
def house() -> Sources:
    return Sources(ROOT)


@pytest.fixture
def bad_house(tmp_path: Path) -> Sources:
    """A house in which every rule is broken once."""
    files = {
        "clinic/__init__.py": "",
        "clinic/domain/booking.py": "def late():\n    from clinic import store\n",
        "clinic/bookings/repository.py": "from pymongo.database import Database\n",
        "clinic/domain/reasons.py": "from . import helper\n",
        "clinic/helper.py": "from .deep.leaf import value\n",
        "clinic/deep/__init__.py": "import eventlet.green\n",
        "clinic/deep/leaf.py": "value = 1\n",
        "clinic/domain/clock.py": "import datetime\n",
        "clinic/upwards.py": "import booking_service.calendar\n",
        "clinic/runs.py": "from runner import ports\n",
        "gateway/__init__.py": "",
        "gateway/app.py": "import nameko.standalone.rpc\n",
        "gateway/web/rendering.py": "from booking_service.calendar import Calendar\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Sources(tmp_path)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_service_imports_another(house: Sources, service: str) -> None:
    others = (SERVICES | {"runner", "tests"}) - {service}
    assert foreign_imports(house, service, others) == {}


def test_the_clinic_imports_no_service_and_not_the_runner(house: Sources) -> None:
    assert foreign_imports(house, "clinic", SERVICES | {"runner", "tests"}) == {}


def test_the_jobs_of_a_deployment_import_no_service(house: Sources) -> None:
    assert foreign_imports(house, "provisioning", SERVICES | {"runner", "tests"}) == {}


@pytest.mark.parametrize("module", PURE)
def test_the_domain_knows_no_framework(house: Sources, module: str) -> None:
    assert tops(house.reachable(module)) & FRAMEWORKS == set()


def test_the_gateway_imports_neither_eventlet_nor_nameko(house: Sources) -> None:
    assert foreign_imports(house, "gateway", frozenset({"eventlet", "nameko"})) == {}


@pytest.mark.parametrize("package", sorted(SERVICES | {"clinic"}))
def test_the_checker_sees_the_modules_of_the_house(house: Sources, package: str) -> None:
    modules = house.modules(package)
    assert package in modules
    assert len(modules) > 3
    assert any("clinic" in tops(house.imports(each)) for each in modules)


def test_the_checker_sees_what_a_framework_module_imports(house: Sources) -> None:
    assert "pymongo" in tops(house.reachable("clinic.bookings.repository"))
    assert "nameko" in tops(house.reachable("booking_service.service"))


def test_the_checker_catches_one_service_importing_another(bad_house: Sources) -> None:
    found = foreign_imports(bad_house, "gateway", SERVICES - {"gateway"})
    assert found == {"gateway.web.rendering": {"booking_service"}}


def test_the_checker_catches_the_clinic_importing_upwards(bad_house: Sources) -> None:
    found = foreign_imports(bad_house, "clinic", SERVICES | {"runner"})
    assert found == {"clinic.upwards": {"booking_service"}, "clinic.runs": {"runner"}}


def test_the_checker_catches_a_framework_behind_a_module_of_the_house(bad_house: Sources) -> None:
    assert tops(bad_house.reachable("clinic.domain.booking")) & FRAMEWORKS == {"pymongo"}


def test_the_checker_catches_a_framework_behind_relative_imports(bad_house: Sources) -> None:
    assert tops(bad_house.reachable("clinic.domain.reasons")) & FRAMEWORKS == {"eventlet"}


def test_the_checker_lets_the_standard_library_pass(bad_house: Sources) -> None:
    assert tops(bad_house.reachable("clinic.domain.clock")) & FRAMEWORKS == set()


def test_the_checker_catches_the_gateway_importing_nameko(bad_house: Sources) -> None:
    found = foreign_imports(bad_house, "gateway", frozenset({"nameko", "eventlet"}))
    assert found == {"gateway.app": {"nameko"}}
