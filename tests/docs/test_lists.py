"""Lists in the pages are complete: settings, dependencies, the firmware's files and settings."""

import importlib.util
import json
import re
import tomllib

import pytest

from docs.pages import ROOT, first_cells, json_example, pages

PRODUCT = "The product (`pyproject.toml`)"
EXTRAS = "Extras (`pyproject.toml`)"
BUILDING = "Building"
TOOLS = "Tests, lint, benchmarks"
PAGE = "The page (`frontend/package.json`)"
LIGHTHOUSE = "Asked by `make lighthouse` alone (`scripts/lighthouse/package.json`)"


def bare(requirement):
    """Return a requirement's name alone."""
    return re.split(r"[\s\[<>=;!~]", requirement.strip(), maxsplit=1)[0]


def required(*names):
    """Return what requirements files ask for."""
    lines = [line for name in names for line in (ROOT / name).read_text().splitlines()]
    return [bare(line) for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def settings_read():
    """Return the settings that the code asks for."""
    files = (ROOT / "src/wattkeep/settings.py", ROOT / "src/wattkeep/places.py")
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    return set(re.findall(r"\"(WATTKEEP_[A-Z_]+)\"", source))


def test_every_setting_is_told_and_no_other():
    read = settings_read()

    told = [cell.strip("`") for cell in first_cells(pages()["docs/settings.md"])]

    assert sorted(told) == sorted(read)


def test_every_setting_named_in_a_page_is_one():
    read = settings_read()
    # Each of them may come from a file instead.
    read |= {f"{name}_FILE" for name in read}
    # The tests' own, told to contributors.
    read |= {"WATTKEEP_CHAOS_SECONDS", "WATTKEEP_CHAOS_SEED"}

    named = {name for text in pages().values() for name in re.findall(r"WATTKEEP_[A-Z]\w*", text)}

    # Each can also come from a file.
    assert {name.removesuffix("_FILE") for name in named} <= read


def test_the_products_dependencies_have_their_reasons(project):
    told = first_cells(pages()["docs/dependencies.md"], PRODUCT)

    assert sorted(told) == sorted(bare(one) for one in project["dependencies"])


def test_the_extras_have_their_reasons(project):
    extras = [bare(one) for part in project["optional-dependencies"].values() for one in part]

    assert first_cells(pages()["docs/dependencies.md"], EXTRAS) == extras


def test_the_tools_have_their_reasons():
    building = set(required("requirements/build.in", "requirements/node.in"))
    tools = set(required("requirements/dev.in")) - building

    told = pages()["docs/dependencies.md"]

    assert set(first_cells(told, BUILDING)) == building
    assert set(first_cells(told, TOOLS)) == tools


@pytest.mark.parametrize(
    ("folder", "heading"), [("frontend", PAGE), ("scripts/lighthouse", LIGHTHOUSE)]
)
def test_packages_of_npm_have_their_reasons(folder, heading):
    package = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
    names = {*package.get("dependencies", {}), *package.get("devDependencies", {})}

    assert set(first_cells(pages()["docs/dependencies.md"], heading)) == names


def test_every_reason_is_given():
    rows = [
        line.split("|")[1:-1]
        for line in pages()["docs/dependencies.md"].splitlines()
        if line.startswith("|")
    ]

    assert all(len(row) == 2 and row[1].strip() for row in rows)


def test_every_file_of_the_firmware_is_told():
    files = {path.name for path in (ROOT / "firmware").glob("*.py")}
    told = first_cells(pages()["docs/firmware.md"], "Files")

    assert set(re.findall(r"\w+\.py", " ".join(told))) == files


@pytest.fixture(scope="module")
def conf():
    """Return the firmware's settings; that module is plain enough for any Python."""
    spec = importlib.util.spec_from_file_location("firmware_conf", ROOT / "firmware/conf.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_setting_of_the_firmware_is_told(conf):
    told = " ".join(first_cells(pages()["docs/firmware.md"], "Settings"))

    assert set(re.findall(r"`(\w+)`", told)) == set(conf.DEFAULTS)


def test_the_firmware_takes_the_pages_settings(conf, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json_example("docs/firmware.md", "config"))

    settings = conf.load(path)

    assert settings == {
        **conf.DEFAULTS,
        **json.loads(path.read_text()),
        "host": "192.168.1.10",
        "port": 8000,
        "prefix": b"",
    }
