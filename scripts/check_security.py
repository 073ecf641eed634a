"""Checks security rules of our own that no linter knows; each exception stands here."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "wattkeep"
TEMPLATES = SOURCE / "web" / "templates"

# An SVG of our own numbers and colours.
MARKS_SAFE = {"web/setups.py"}
# Help texts, which are ours; Django's own of passwords is a list.
UNESCAPED = {"parts/field.html"}
# Views that answer programs which bring a key and no cookie.
WITHOUT_CSRF = {"api/board.py"}
SECRET = re.compile(r"(password|passphrase|secret|token|api_key|signature|signing_key|cookie)$")
# Named like a secret, and none.
NO_SECRETS = {"is_token", "type_token"}
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
FORBIDDEN_IMPORTS = {"pickle", "marshal", "shelve", "telnetlib", "ftplib"}
UNSAFE_TEMPLATE = re.compile(r"\|\s*safe(?:seq)?\b|{%\s*autoescape\s+off|mark_safe")
FORM = re.compile(r"<form\b[^>]*method=[\"']?post[^>]*>(.*?)</form>", re.IGNORECASE | re.DOTALL)


def main() -> int:
    """Print each finding; return 1 if there is one."""
    findings = [one for path in sorted(SOURCE.rglob("*.py")) for one in inspect_code(path)]
    findings += [one for path in sorted(TEMPLATES.rglob("*.html")) for one in inspect_page(path)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def inspect_code(path: Path) -> list[str]:
    """Return what is wrong with one module."""
    name = path.relative_to(SOURCE).as_posix()
    if name.startswith("sim/shim/") or "_firmware" in name:
        return []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        f"src/wattkeep/{name}:{getattr(node, 'lineno', 0)}: {what}"
        for node in ast.walk(tree)
        if (what := _fault(node, name))
    ]


def _fault(node: ast.AST, name: str) -> str:  # noqa: PLR0911 - a table of rules
    match node:
        case ast.Import(names=names) if {one.name for one in names} & FORBIDDEN_IMPORTS:
            return "loads what can run code, or speaks without encryption"
        case ast.ImportFrom(module=str(module)) if module in FORBIDDEN_IMPORTS:
            return "loads what can run code, or speaks without encryption"
        case ast.Name(id="mark_safe") if name not in MARKS_SAFE:
            return "mark_safe: let the template escape it"
        case ast.Name(id="csrf_exempt") if name not in WITHOUT_CSRF:
            return "csrf_exempt: only for programs that bring a key"
        case ast.Compare(ops=[ast.Eq() | ast.NotEq()]) if any(map(_is_secret, _sides(node))):
            return "compares a secret with ==: hmac.compare_digest takes the same time always"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="logger"), attr=attr)) if (
            attr in LOG_METHODS and any(map(_is_secret, node.args))
        ):
            return "logs a secret"
        case ast.Call(
            func=ast.Attribute(attr="extra" | "raw", value=ast.Attribute(attr="objects"))
        ):
            return "raw SQL where the ORM would do"
    return ""


def _sides(node: ast.Compare) -> list[ast.expr]:
    sides = [node.left, *node.comparators]
    # Whether there is one at all is no secret.
    return [] if any(isinstance(one, ast.Constant) for one in sides) else sides


def _is_secret(node: ast.expr) -> bool:
    named = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    return bool(SECRET.search(named)) and named not in NO_SECRETS


def inspect_page(path: Path) -> list[str]:
    """Return what is wrong with one template."""
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    findings = []
    if UNSAFE_TEMPLATE.search(text) and not any(name.endswith(one) for one in UNESCAPED):
        findings.append(f"{name}: shows something without escaping it")
    for form in FORM.finditer(text):
        if "csrf_token" not in form[1] + _included(form[1]):
            line = text.count("\n", 0, form.start()) + 1
            findings.append(f"{name}:{line}: a form without {{% csrf_token %}}")
    links = re.findall(r"<a\b[^>]*target=[\"']?_blank[^>]*>", text)
    if any("noopener" not in link for link in links):
        findings.append(f"{name}: a link into a new window without rel=noopener")
    return findings


def _included(text: str) -> str:
    """Return what a piece of a template includes by name."""
    names = re.findall(r"""{%\s*include\s+["']([^"']+)["']""", text)
    paths = [TEMPLATES / name for name in names]
    return "".join(path.read_text(encoding="utf-8") for path in paths if path.exists())


if __name__ == "__main__":
    sys.exit(main())
