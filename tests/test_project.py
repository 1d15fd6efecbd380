"""The project as a whole: what it exports, where its version stands, and what never gets into it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import hdmf_store
from hdmf_store import __version__

ROOT = Path(__file__).parents[1]

PUBLIC_NAMES = [
    "AccessError",
    "ArgumentError",
    "ArgumentTypeError",
    "BadLinkError",
    "Bytes",
    "Capabilities",
    "ClosedError",
    "Codec",
    "Compound",
    "ConflictError",
    "DEFAULT_SPEC_LOC_DIR",
    "DanglingTargetError",
    "DanglingTargetWarning",
    "Dataset",
    "DirectoryStore",
    "Field",
    "FormatError",
    "Group",
    "HDMFStoreError",
    "Hierarchy",
    "HierarchyError",
    "HierarchyExistsError",
    "HierarchyInUseError",
    "Layout",
    "Link",
    "LinkCycleError",
    "Location",
    "LocationError",
    "MissingExtraError",
    "MissingHierarchyError",
    "MissingNodeError",
    "ModeError",
    "NWBZarrIO",
    "NameNotAllowedError",
    "NestedDirectoryStore",
    "NewLayout",
    "Number",
    "Plan",
    "ProcessSynchronizer",
    "ROOT_NAME",
    "ReferenceTo",
    "RefusedTargetError",
    "ReplacedError",
    "SPEC_LOC_ATTR",
    "SUPPORTED_ZARR_STORES",
    "StorageFailureError",
    "StoreAdapter",
    "StoreIO",
    "Summary",
    "Target",
    "TempStore",
    "Text",
    "ThreadSynchronizer",
    "UnlistableError",
    "UnreachableError",
    "Unreadable",
    "UnreadableError",
    "UnsupportedModeError",
    "UnsupportedValueError",
    "WorkerLostError",
    "ZarrDataIO",
    "ZarrIO",
    "ZarrReference",
    "__version__",
    "inspect",
    "iter_chunks",
    "open_adapter",
    "read_table",
    "register_adapter",
    "repack",
    "Finding",
    "Repair",
    "repair",
    "verify",
]


def tracked() -> list[Path]:
    """Return the files that git keeps; skip where this is no checkout."""
    try:
        found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout, so that nobody can say which files belong to the project")
    return [ROOT / name for name in found.split("\0") if name and (ROOT / name).is_file()]


def test_public_names_are_these() -> None:
    """Adding or removing a name is a decision, made here too."""
    assert sorted(hdmf_store.__all__) == sorted(PUBLIC_NAMES)
    for name in PUBLIC_NAMES:
        assert hasattr(hdmf_store, name)


def test_every_public_name_is_there_when_it_is_asked_for() -> None:
    """Also those that are imported only then; no other name is made up."""
    for name in PUBLIC_NAMES:
        assert getattr(hdmf_store, name) is not None
        assert name in dir(hdmf_store)
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = hdmf_store.nothing_such


def test_the_version_is_written_in_one_place() -> None:
    """The module of the version is the only one that spells it, and the distribution has it from there."""
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", hdmf_store.__version__)

    # a changelog and documents name releases; what is executed or built does not
    spelled = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix in (".py", ".toml", ".cfg") and f'"{hdmf_store.__version__}"' in path.read_text()
    ]
    assert spelled == ["hdmf_store/_version.py"]
    assert metadata.version("hdmf-store") == hdmf_store.__version__


def test_what_other_programs_read_of_the_project_agrees_with_it() -> None:
    """The recipe for conda and the file for citations: same version, same dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = YAML(typ="safe").load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text())
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text())

    assert recipe["context"]["version"] == citation["version"] == __version__
    needed = [requirement.replace(" ", "") for requirement in recipe["requirements"]["run"]]
    assert needed == [f"python{project['requires-python']}", *project["dependencies"]]
    assert recipe["build"]["python"]["entry_points"] == [f"hdmf-store = {project['scripts']['hdmf-store']}"]
    assert recipe["about"]["license"] == citation["license"] == project["license"]


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    """Paths of the machine on which something was written mean nothing on another one."""
    forbidden = re.compile(r"(?<![\w./])/(?:" + "|".join(["work", "root", "home/[a-z]+", "Users/[a-z]+"]) + r")/")
    allowed = re.compile(r"/home/(me|home)/")  # an example

    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode().splitlines(), 1):
            if forbidden.search(allowed.sub("", line)):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")

    assert found == []


def test_every_folder_of_tests_is_a_package() -> None:
    """So that helpers are imported by one name wherever the tests are started from."""
    found = [path for path in tracked() if path.name.startswith("test_") and path.is_relative_to(ROOT / "tests")]
    folders = {path.parent for path in found if path.parent != ROOT / "tests"}

    assert sorted(str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()) == []


def test_the_tests_that_hold_a_need_name_it() -> None:
    """Who reads the list of needs finds in each file that it names what is held there."""
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", (ROOT / "docs/needs.md").read_text(), re.MULTILINE)
    named = [(number, name) for number, held in rows for name in re.findall(r"`([\w/]+\.py)`", held)]

    assert len(named) > 60
    assert [
        f"{number}: {name}"
        for number, name in named
        if not re.search(rf"\(NEEDS [^)]*\b{number}\b", (ROOT / "tests" / name).read_text())
    ] == []
