"""The pages people read, taken apart: their code, their links, their tables."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:(?: {4}.*)?\n)+", re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
EXAMPLE = re.compile(r"^<!-- example: ([\w-]+) -->\n(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@cache
def pages():
    """Return each page's path, relative to the repository, and its text."""
    top = [ROOT / name for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY")]
    found = [path.with_suffix(".md") for path in top]
    found += [ROOT / "CHANGELOG.md", ROOT / "benchmarks/README.md"]
    found += sorted((ROOT / "docs").rglob("*.md"))
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


def fenced(text, language):
    """Return the insides of fenced blocks of one language."""
    return [body for name, body in FENCE.findall(text) if name == language]


def blocks(text):
    """Return every block of code, fenced or indented; JSON and C++ are none of a shell's."""
    without = FENCE.sub("", text)
    shell = [body for name, body in FENCE.findall(text) if name in {"", "sh", "text"}]
    return shell + [match[0] for match in INDENTED.finditer(without) if match[0].strip()]


def inline(text):
    """Return what stands between single backticks."""
    return INLINE.findall(FENCE.sub("", text))


def links(text):
    return [first or second for first, second in LINK.findall(FENCE.sub("", text))]


def anchors(text):
    """Return what a link's # may lead to, as code hosts make it of the headings."""
    headings = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in headings}


def examples(page):
    """Return a page's examples by the name that stands over them."""
    return dict(EXAMPLE.findall(pages()[page]))


def json_example(page, name):
    return fenced(examples(page)[name] + "\n", "json")[0]


def first_cells(text, heading=""):
    """Return the first cell of each row of the tables under a heading that begins so, or of all."""
    if heading:
        start = text.index(f"\n## {heading}")
        end = text.find("\n## ", start + 4)
        text = text[start:] if end < 0 else text[start:end]
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    # A header is what stands over the dashes.
    return [cell for cell, below in zip(rows, [*rows[1:], ""], strict=True)
            if not set(cell) <= set("- ") and not (below and set(below) <= set("-"))]  # fmt: skip
