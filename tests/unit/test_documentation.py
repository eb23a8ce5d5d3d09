"""Links lead somewhere, the READMEs stay short, and both have the same content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_README_LINES = 200
#: Documents that are ours; other folders hold what was installed.
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_IS_EXTERNAL = re.compile(r"[a-z]+:")


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """The file and the anchor that each relative link names."""
    for target in _LINK.findall(document.read_text(encoding="utf-8")):
        if not _IS_EXTERNAL.match(target):
            path, _, anchor = target.partition("#")
            yield (document.parent / path).resolve() if path else document, anchor


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", document.read_text(encoding="utf-8"))
    return {_anchor(heading) for heading in headings}


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for path, anchor in links(document):
        assert path.exists(), path
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{path}#{anchor}"


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_a_readme_is_short(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


def test_both_readmes_have_the_same_content() -> None:
    english, spanish = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.es.md")
    )
    for pattern in (r"(?m)^#+ ", r"(?m)^\d\. ", r"(?m)^- ", r"(?m)^\| `", r"\]\(docs/[^)]*\.md"):
        assert len(re.findall(pattern, english)) == len(re.findall(pattern, spanish)), pattern
    command = re.compile(r"(?m)^(\$ .*|make \w[\w-]*|docker compose.*?-d)")
    assert command.findall(english) == command.findall(spanish)


def test_a_script_can_read_what_a_bare_debian_lacks() -> None:
    """`scripts/follow-readme` installs it, as a new user would."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (packages,) = re.findall(r"(?m)^`([a-z0-9 -]*\bmake\b[a-z0-9 -]*)`\.$", text)
    assert {"git", "make", "python3", "python3-pip"} == set(packages.split())
