"""Documents lead to files, headings and modules that exist."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers" / "shared" / "kili_export"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!\w+:)([^)\s]*)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
MODULE = re.compile(r"`((?:[a-z0-9_]+/)+[a-z0-9_]+\.py)`")
FOLDER = re.compile(r"^\| `([a-z_/]+/)` \|.*\| `([a-z_]+\.py)` \|$", re.MULTILINE)
PAGES_WITH_MODULES = ("architecture.md", "archive-engine.md", "scale.md", "threat-model.md")


@cache
def anchors(page: Path) -> frozenset[str]:
    """What links may name after `#`: headings as GitHub and MkDocs turn them into anchors."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    found = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return frozenset(re.sub(r"[\s-]+", "-", heading.strip()) for heading in found)


def broken_links(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    broken = []
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def missing_modules(text: str) -> list[str]:
    """Paths of modules that are neither in the repository nor in the package."""
    named = [*MODULE.findall(text), *map("".join, FOLDER.findall(text))]
    return [one for one in named if not any((root / one).is_file() for root in (ROOT, PACKAGE))]


@pytest.mark.skipif(not (ROOT / "docs" / "index.md").exists(), reason="there is no start page yet")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.skipif(not (PACKAGE / "steps").is_dir(), reason="the package has its former layout")
@pytest.mark.parametrize("page", PAGES_WITH_MODULES)
def test_every_module_that_is_named_exists(page: str) -> None:
    text = (ROOT / "docs" / "explanation" / page).read_text(encoding="utf-8")
    assert MODULE.findall(text)
    assert missing_modules(text) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# One, two: `three`\n")
    page.write_text(
        "# Here\n[a](other.md) [b](other.md#one-two-three) [c](#here) [d](https://example.com)\n"
        "[e](none.md) [f](other.md#none) [g](#none)\n```\n[h](none.md)\n```\n"
    )
    assert broken_links(page) == ["none.md", "other.md#none", "#none"]


def test_a_module_that_is_not_there_is_found() -> None:
    text = "`functions/webhook/app.py` `exports/` `none/app.py`\n| `core/` | errors | `no.py` |\n"
    assert missing_modules(text) == ["none/app.py", "core/no.py"]


MERGE_MARKS = re.compile(r"^(?:<{7}|>{7}) |^={7}$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_merge_was_left_half_done(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert MERGE_MARKS.findall(text) == []
    headings = HEADING.findall(CODE.sub("", text))
    repeated = {one for one in headings if headings.count(one) > 1}
    # Each release of the changelog has these.
    assert repeated <= {"Added", "Changed", "Fixed", "Removed", "Security"}


def test_a_mark_of_a_merge_is_found() -> None:
    for mark in ("<" * 7 + " HEAD", "=" * 7, ">" * 7 + " main"):
        assert MERGE_MARKS.search(f"text\n{mark}\nmore")
