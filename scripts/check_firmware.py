"""Finds in firmware/ what the ESP8266's MicroPython lacks and what its heap cannot afford."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware"
# What the port brings, of what we use or might.
BUILT_IN = frozenset(
    [
        "binascii",
        "errno",
        "esp",
        "framebuf",
        "gc",
        "hashlib",
        "json",
        "machine",
        "micropython",
        "network",
        "os",
        "random",
        "select",
        "socket",
        "struct",
        "sys",
        "time",
        "uctypes",
        "vfs",
    ]
)
# An update replaces everything but these, so these may need nothing an update brings.
FIXED = frozenset({"boot", "main", "slots"})
MISSING_METHODS = frozenset(
    [
        "partition",
        "rpartition",
        "splitlines",
        "casefold",
        "removeprefix",
        "removesuffix",
        "zfill",
        "ljust",
        "rjust",
        "title",
        "expandtabs",
        "translate",
        "isalnum",
        "isidentifier",
        "fromhex",
        "bit_length",
        "bit_count",
    ]
)
MISSING_NAMES = {
    ("binascii", "crc32"): "this port has no crc32",
    ("hashlib", "md5"): "this port has no md5",
    ("time", "monotonic"): "this port has no monotonic; use ticks_ms and ticks_diff",
    ("time", "perf_counter"): "this port has no perf_counter; use ticks_us",
    ("os", "environ"): "a board has no environment",
    ("os", "path"): "this port has no os.path",
}
STUBS = ("micropython-esp8266-stubs", "micropython-stdlib-stubs")
# What unannotated code cannot satisfy: attributes that are None for a while.
LOOSE = ("union-attr", "assignment", "arg-type")
# Only images with ROMFS have it, and the stubs are of the plain one.
UNKNOWN = 'Module has no attribute "VfsRom"'
REASONS = {
    ast.JoinedStr: "an f-string costs more heap than %",
    ast.Match: "MicroPython has no match",
    ast.AnnAssign: "annotations cost room and say nothing on the board",
    ast.AsyncFunctionDef: "there is one loop, and it does not wait",
}


def main() -> int:
    """Print each finding; return 1 if there is one."""
    findings = [one for path in sorted(FIRMWARE.glob("*.py")) for one in inspect(path)]
    findings += check_types(FIRMWARE)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def inspect(path: Path) -> list[str]:
    """Return what is wrong with one module of the firmware."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    own = {other.stem for other in path.parent.glob("*.py")}
    findings = []
    for node in ast.walk(tree):
        findings += [(node, reason) for reason in reasons(node, path.stem, own)]
    return [
        f"firmware/{path.name}:{getattr(node, 'lineno', 0)}: {reason}" for node, reason in findings
    ]


def reasons(node: ast.AST, module: str, own: set[str]) -> list[str]:
    """Return why this node may not be in a module of the firmware."""
    found = [reason for kind, reason in REASONS.items() if isinstance(node, kind)]
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
        found.append("/ makes a float, which has 30 bits here; use //")
    found += library_reasons(node, module, own)
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        found.append("floats have 30 bits here; count in the meter's steps")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
        found.append("print goes to the meter's line; use say")
    if isinstance(node, ast.FunctionDef) and (node.returns or any_annotated(node.args)):
        found.append(REASONS[ast.AnnAssign])
    return found


def library_reasons(node: ast.AST, module: str, own: set[str]) -> list[str]:
    """Return what this node wants of a library that the port does not have."""
    found = []
    if isinstance(node, ast.Import):
        for alias in node.names:
            found += import_reasons(alias.name, module, own)
    elif isinstance(node, ast.ImportFrom):
        found += import_reasons(node.module or ".", module, own)
        for alias in node.names:
            found += name_reasons(node.module or "", alias.name)
    elif isinstance(node, ast.Attribute):
        if node.attr in MISSING_METHODS:
            found.append(f"this port has no .{node.attr}()")
        if isinstance(node.value, ast.Name):
            found += name_reasons(node.value.id, node.attr)
    return found


def check_types(folder: Path) -> list[str]:
    """Return what mypy finds with the port's own stubs; nothing where they are not installed."""
    stubs = find_stubs()
    if len(stubs) < len(STUBS):
        return []
    with tempfile.TemporaryDirectory() as place:
        for stub in stubs:
            copy_stubs(stub, Path(place))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "mypy", "--config-file", os.devnull, "--no-site-packages"),
                *("--cache-dir", os.devnull, "--custom-typeshed-dir", f"{place}/typeshed"),
                "--check-untyped-defs",
                *(f"--disable-error-code={code}" for code in LOOSE),
                *sorted(path.name for path in folder.glob("*.py")),
            ],
            cwd=folder,
            env={**os.environ, "MYPYPATH": f"{place}/modules"},
            capture_output=True,
            text=True,
            check=False,
        )
    # The stubs have faults of their own; those are not ours to report.
    ours = [line for line in done.stdout.splitlines() if not line.startswith(("/", ".."))]
    return [f"firmware/{line}" for line in ours if ": error: " in line and UNKNOWN not in line]


def find_stubs() -> list[metadata.Distribution]:
    """Return the installed packages of the port's stubs."""
    return [one for name in STUBS for one in metadata.distributions(name=name)]


def copy_stubs(stub: metadata.Distribution, place: Path) -> None:
    """Copy a package of stubs to where mypy takes it in place of a PC's standard library."""
    for file in stub.files or []:
        if file.suffix != ".pyi" or file.name == "__builtins__.pyi":
            continue
        kind = "typeshed" if file.parts[0] in {"stdlib", "stubs"} else "modules"
        target = place / kind / Path(*file.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(file.locate()), target)
        if file.parts[0] == "stdlib":
            versions = Path(str(file.locate())).parents[len(file.parts) - 2] / "VERSIONS"
            if versions.is_file():
                shutil.copy(versions, place / kind / "stdlib" / "VERSIONS")


def import_reasons(name: str, module: str, own: set[str]) -> list[str]:
    """Return why a module may not import another."""
    if name in BUILT_IN:
        return []
    if name not in own:
        return [f"this port has no module {name}"]
    # main starts the application, and app is where that begins.
    if module in FIXED and name not in FIXED and name != "app":
        return [f"{module} is never updated, {name} is: it may not be needed here"]
    return []


def name_reasons(module: str, name: str) -> list[str]:
    """Return why a name of a module may not be used."""
    reason = MISSING_NAMES.get((module, name))
    return [reason] if reason else []


def any_annotated(arguments: ast.arguments) -> bool:
    """Tell whether a parameter has an annotation."""
    return any(one.annotation for one in arguments.args + arguments.kwonlyargs)


if __name__ == "__main__":
    sys.exit(main())
