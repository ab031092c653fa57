"""The documents: every link leads somewhere, and the index of decisions has them all."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
ROW = re.compile(
    r"^\| \[(\d{4})\]\(([\w.-]+)\) \| (.+) \| (\d{4}-\d\d-\d\d) \| (accepted|superseded by \d{4}) \|$"
)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def documents(root: Path) -> list[Path]:
    """Every Markdown file that is, or is to be, committed."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True).stdout.split()
    return [root / name for name in listed if (root / name).exists()]


def test_every_link_leads_to_a_file(root: Path) -> None:
    broken = []
    for path in documents(root):
        for target in LINK.findall(FENCED.sub("", path.read_text())):
            if "://" not in target and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(root)}: {target}")
    assert broken == []


def test_the_index_lists_every_decision_by_its_title(root: Path) -> None:
    folder = root / "docs" / "adr"
    rows = [
        match.groups() for line in (folder / "README.md").read_text().splitlines() if (match := ROW.match(line))
    ]
    files = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    titles = {
        path.name: path.read_text().splitlines()[0].removeprefix(f"# {int(path.name[:4])}. ") for path in files
    }
    assert [(number, name, title) for number, name, title, _, _ in rows] == [
        (name[:4], name, title) for name, title in titles.items()
    ]
    known = {number for number, *_ in rows}
    assert {status[-4:] for *_, status in rows if status != "accepted"} <= known
