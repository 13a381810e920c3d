"""Check that every relative link in the Markdown pages leads somewhere, and every page is linked.

    python -m scripts.links

Prints what is broken, one finding a line, and exits 1. Links to other sites are not followed.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("docs", "changelog.d", "examples", "benchmarks", "tests")
INDEX: Final = "docs/README.md"

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"(`+)[^`].*?\1")
_LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE
)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def links_of(markdown: str) -> list[str]:
    """Return the targets of all links, in order, those in code left out."""
    prose = _INLINE_CODE.sub("", _FENCE.sub("", markdown))
    return [inline or reference for inline, reference in _LINK.findall(prose)]


def anchors_of(markdown: str) -> set[str]:
    """Return the fragment of each heading: lower case, hyphens for spaces, -1 for a second."""
    anchors: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", markdown)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        repeated = slug
        count = 0
        while repeated in anchors:
            count += 1
            repeated = f"{slug}-{count}"
        anchors.add(repeated)
    return anchors


def pages(root: Path) -> list[Path]:
    """Return the Markdown files that the project writes for readers."""
    found = sorted(root.glob("*.md"))
    for folder in FOLDERS:
        found += sorted(
            page
            for page in (root / folder).rglob("*.md")
            if not {"node_modules", ".peers"} & set(page.parts)
        )
    return found


def broken_links(root: Path) -> Iterator[str]:
    """Yield each link that leads nowhere, as 'page: target: why'."""
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        for target in links_of(text):
            if _ELSEWHERE.match(target):
                continue
            path, _, fragment = target.partition("#")
            destination = (page.parent / path).resolve() if path else page
            where = f"{page.relative_to(root)}: {target}"
            if not destination.exists():
                yield f"{where}: no such file"
            elif (
                fragment
                and destination.suffix == ".md"
                and fragment not in anchors_of(destination.read_text(encoding="utf-8"))
            ):
                yield f"{where}: no such heading"


def unlinked_pages(root: Path) -> Iterator[str]:
    """Yield each page below docs/ that no other page links to; docs/README.md is the way in."""
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in pages(root)
        for target in links_of(page.read_text(encoding="utf-8"))
        if not _ELSEWHERE.match(target) and not target.startswith("#")
    }
    for page in sorted((root / "docs").rglob("*.md")):
        if page.resolve() not in linked:
            yield f"{page.relative_to(root)}: no page links here; add it to {INDEX}"


def main() -> int:
    """Print the findings. Returns 1 if there are any."""
    findings = [*broken_links(ROOT), *unlinked_pages(ROOT)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
