"""Brings the language files up to date with the pages, and compiles them.

A new text comes without a translation: write it into the .po and run this again. A new language:
`python scripts/messages.py fr`, and its name into LANGUAGES. `--check` writes nothing, and fails
where a text is missing, left over, marked as doubtful, or not compiled.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation.template import templatize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PACKAGE = Path(__file__).resolve().parent.parent / "src/wattkeep"
SCRIPTS = PACKAGE.parent.parent / "frontend/src"
# What marks a text in code: with one text, or with one and its plural.
SINGLE = {"_", "gettext", "lazy", "noop", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
STRING = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
# As Django writes templates for extraction: a space, a function's name, its texts.
IN_TEMPLATE = re.compile(rf"(?<!\w)(n?gettext|_)\(\s*{STRING}(?:,\s*{STRING})?")
IN_SCRIPT = re.compile(r'(?<![.#\w])say\(\s*"((?:[^"\\]|\\.)*)"')
MAGIC = 0x950412DE


@dataclass(frozen=True)
class Entry:
    """A text, its plural or "", and its translations: one, or as many as the language has."""

    text: str
    plural: str = ""
    said: tuple[str, ...] = ()
    is_doubtful: bool = False

    @property
    def is_complete(self) -> bool:
        return (
            not self.is_doubtful and len(self.said) == (2 if self.plural else 1) and all(self.said)
        )


# -- what the package says ------------------------------------------------------------------------


def extract() -> list[Entry]:
    """Return every text of code and templates, in order, each once."""
    found: dict[str, Entry] = {}
    files = [*sorted(PACKAGE.rglob("*.py")), *sorted(PACKAGE.rglob("templates/**/*.*"))]
    for path in files:
        if "static" in path.parts:
            continue
        read = texts_of_code if path.suffix == ".py" else texts_of_template
        for entry in read(path.read_text(encoding="utf-8")):
            known = found.get(entry.text)
            found[entry.text] = entry if known is None or entry.plural else known
    return list(found.values())


def texts_of_code(source: str) -> Iterator[Entry]:
    """Yield what a module marks."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", "")
        words = [
            one.value
            for one in node.args[:2]
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        if name in SINGLE and words:
            yield Entry(words[0])
        elif name in PLURAL and len(words) == len(node.args[:2]):
            yield Entry(*words)


def texts_of_template(source: str) -> Iterator[Entry]:
    """Yield what a template marks."""
    if not settings.configured:
        settings.configure()
    for name, *quoted in IN_TEMPLATE.findall(templatize(source)):
        text, plural = (ast.literal_eval(one) if one else "" for one in quoted)
        yield Entry(text, plural if name == "ngettext" else "")


def texts_of_scripts() -> set[str]:
    """Return what the browser's modules ask for; web/browser_words.py hands it to them."""
    return {
        ast.literal_eval(f'"{text}"')
        for path in SCRIPTS.glob("*.js")
        for text in IN_SCRIPT.findall(path.read_text(encoding="utf-8"))
    }


# -- language files -------------------------------------------------------------------------------


def read_po(path: Path) -> tuple[str, list[Entry]]:
    """Return a language file's header and its entries."""
    head = ""
    entries = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        said: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith(("msg", '"')):
                name, quoted = (name, line) if line.startswith('"') else line.split(" ", 1)
                said[name] = said.get(name, "") + ast.literal_eval(quoted)
        translations = tuple(text for name, text in said.items() if name.startswith("msgstr"))
        if not said:
            continue
        if said["msgid"]:
            is_doubtful = re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE) is not None
            entries.append(
                Entry(said["msgid"], said.get("msgid_plural", ""), translations, is_doubtful)
            )
        else:
            head = block
    return head, entries


def write_po(path: Path, head: str, entries: Sequence[Entry]) -> None:
    """Write a language file."""
    path.write_text("\n\n".join([head, *map(_block, entries)]) + "\n", encoding="utf-8")


def _block(entry: Entry) -> str:
    lines = ["#, fuzzy"] if entry.is_doubtful else []
    lines.append(f"msgid {_quoted(entry.text)}")
    if entry.plural:
        lines.append(f"msgid_plural {_quoted(entry.plural)}")
        said = entry.said or ("", "")
        lines += [f"msgstr[{n}] {_quoted(text)}" for n, text in enumerate(said)]
    else:
        lines.append(f"msgstr {_quoted(entry.said[0] if entry.said else '')}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def merge(used: Sequence[Entry], written: Sequence[Entry]) -> list[Entry]:
    """Return the used texts with the translations they have; what nobody uses is dropped."""
    known = {entry.text: entry for entry in written}
    return [
        replace(known[one.text], plural=one.plural) if one.text in known else one for one in used
    ]


def compile_mo(head: str, entries: Sequence[Entry]) -> bytes:
    """Return the file that gettext reads; what has no translation is not in it."""
    texts = {"": "".join(ast.literal_eval(line) for line in head.splitlines() if line[:1] == '"')}
    for entry in entries:
        if entry.is_complete:
            key = f"{entry.text}\0{entry.plural}" if entry.plural else entry.text
            texts[key] = "\0".join(entry.said)
    return pack(texts)


def pack(texts: Mapping[str, str]) -> bytes:
    """Return key → translation in GNU's binary form."""
    rows = sorted((key.encode(), said.encode()) for key, said in texts.items())
    start = 28 + 16 * len(rows)
    blob = b""
    tables: tuple[list[int], list[int]] = ([], [])
    for number, table in enumerate(tables):
        for row in rows:
            table += [len(row[number]), start + len(blob)]
            blob += row[number] + b"\0"
    numbers = [*tables[0], *tables[1]]
    head = struct.pack("<7I", MAGIC, 0, len(rows), 28, 28 + 8 * len(rows), 0, 0)
    return head + struct.pack(f"<{len(numbers)}I", *numbers) + blob


# -- what to do -----------------------------------------------------------------------------------


def check(path: Path, used: Sequence[Entry]) -> list[str]:
    """Return what is wrong with a language file."""
    head, written = read_po(path)
    by_text = {entry.text: entry for entry in written}
    wrong = [
        f"not translated: {one.text!r}"
        for one in used
        if not replace(by_text.get(one.text, one), plural=one.plural).is_complete
    ]
    wrong += [f"used nowhere: {text!r}" for text in by_text.keys() - {one.text for one in used}]
    compiled = path.with_suffix(".mo")
    if not compiled.is_file() or compiled.read_bytes() != compile_mo(head, written):
        wrong.append(f"{compiled.name} is older than {path.name}: run scripts/messages.py")
    return wrong


def main() -> None:
    """Extract, merge and compile; or say what is missing."""
    used = extract()
    for language in sys.argv[1:]:
        path = PACKAGE / "locale" / language / "LC_MESSAGES/django.po"
        if not language.startswith("-") and not path.exists():
            path.parent.mkdir(parents=True)
            head = r'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"'
            path.write_text(head.replace(r"\n", "\n", 2) + "\n", encoding="utf-8")
    wrong = []
    for path in sorted(PACKAGE.glob("locale/*/LC_MESSAGES/*.po")):
        if "--check" not in sys.argv:
            head, written = read_po(path)
            merged = merge(used, written)
            write_po(path, head, merged)
            path.with_suffix(".mo").write_bytes(compile_mo(head, merged))
        wrong += [f"{path.parent.parent.name}: {line}" for line in check(path, used)]
    print("\n".join(wrong))
    if wrong:
        sys.exit(f"{len(wrong)} texts need somebody who speaks the language")


if __name__ == "__main__":
    main()
