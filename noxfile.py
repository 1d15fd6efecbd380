"""What can be proved about this project, one session per claim: ``nox -s tests``, ``nox --list``."""

import json
from pathlib import Path

import nox
from packaging.requirements import Requirement

FUZZED = ["document-3", "document-2", "consolidated-3", "consolidated-2", "chunk", "filters", "shard", "pickle"]
FUZZED += ["references", "records", "archive"]
PYTHONS = ["3.11", "3.12", "3.13"]

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "imports", "types", "tests"]
nox.options.error_on_external_run = True


def lower_bounds() -> list[str]:
    """Return a pin to the oldest version that pyproject.toml allows, for each package that users install."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    extras = project["optional-dependencies"]
    requirements = map(Requirement, project["dependencies"] + extras["nwb"] + extras["s3"] + extras["parquet"])
    return [
        f"{requirement.name}=={bound.version}"
        for requirement in requirements
        for bound in requirement.specifier
        if bound.operator == ">="
    ]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests pass on every supported Python, with the newest dependencies it can have."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(name="tests-minimum", python=PYTHONS[0])
def tests_minimum(session: nox.Session) -> None:
    """The tests pass on the oldest Python with the oldest dependencies that pyproject.toml allows."""
    constraints = Path(session.create_tmp()) / "lower-bounds.txt"
    constraints.write_text("\n".join(lower_bounds()) + "\n")
    session.install("-e", ".[test]", "-c", str(constraints))
    session.run("pytest", *session.posargs)


@nox.session
def thorough(session: nox.Session) -> None:
    """The tests of generated data hold for twenty times as many examples as in other runs."""
    session.install("-e", ".[test]")
    where = ["property", "nodes/test_portable.py", "conformance/test_shipped.py", "adapters/test_safe_pickle.py"]
    tests = [f"tests/{name}" for name in where]
    session.run("pytest", *tests, "--timeout=7200", *session.posargs, env={"HDMF_STORE_EFFORT": "20"})


@nox.session(python=PYTHONS[0])
def libraries(session: nox.Session) -> None:
    """Libraries that were written for hdmf-zarr do their work on this package, with hdmf-zarr not installed.

    What they pin is older than what this package needs, so it goes in after them, and pip warns of that.
    """
    session.install("neuroconv==0.10.2", "nwbinspector==0.7.2", "spikeinterface==0.105.3")
    session.run("python", "-m", "pip", "uninstall", "--yes", "hdmf-zarr")
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "libraries", *session.posargs, env={"HDMF_STORE_REQUIRE_LIBRARIES": "1"})


@nox.session(python=PYTHONS[0])
def faults(session: nox.Session) -> None:
    """Who is killed loses nothing that was there; broken files are refused by name; long runs leave nothing behind."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "faults", *session.posargs)


@nox.session(python=PYTHONS[0])
def fuzz(session: nox.Session) -> None:
    """The parsers take what a fuzzer finds that watches which lines run: a minute for each target, or ``-- 600``."""
    session.install("-e", ".[test]", "atheris>=3")
    seconds = session.posargs[0] if session.posargs else "60"
    for target in FUZZED:
        session.run("python", "-m", "tests.fuzz", target, "--seconds", seconds)


@nox.session
def audit(session: nox.Session) -> None:
    """No package that the extras install today has a hole that is known to the advisory database of PyPI.

    The packages are resolved and not installed, so that what audits them has an environment of its own.
    """
    made = Path(session.create_tmp())
    session.install("pip-audit>=2.9")
    resolve = ["pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(made / "report.json")]
    session.run("python", "-m", *resolve, ".[all]")
    found = [item["metadata"] for item in json.loads((made / "report.json").read_text())["install"]]
    pins = [f"{item['name']}=={item['version']}" for item in found if item["name"] != "hdmf-store"]
    (made / "resolved.txt").write_text("\n".join(sorted(pins)) + "\n")
    session.log(f"{len(pins)} packages are looked up")
    options = ["--requirement", str(made / "resolved.txt"), "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    # strict: where one cannot be looked up, as without a network, nothing is said to be well
    session.run("pip-audit", "--strict", *options, *session.posargs)


@nox.session(python=PYTHONS[0])
def browser(session: nox.Session) -> None:
    """What people see in notebooks fits and runs no script, in a real browser; screenshots go to ``browser-output``."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "browser", *session.posargs, env={"HDMF_STORE_REQUIRE_BROWSER": "1"})


@nox.session
def lint(session: nox.Session) -> None:
    """The source is tidy, in one format, and its docstrings are well formed."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    sources = sorted(str(path) for room in ("hdmf_store", "adapters") for path in Path(room).rglob("*.py"))
    session.run("numpydoc", "lint", *sources)


@nox.session
def types(session: nox.Session) -> None:
    """The annotations agree with the code and with each other."""
    session.install("-e", ".[test,lint]")
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """No import goes through a wall between the rooms."""
    session.install("-e", ".[lint]")
    session.run("lint-imports", "--no-logo")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation builds without a warning, and its tutorials run."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def links(session: nox.Session) -> None:
    """What the documentation links to is there, also on other sites: this session needs a network."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "linkcheck", "docs", "docs/_build/links")


@nox.session(python=PYTHONS[0])
def newcomer(session: nox.Session) -> None:
    """Who has nothing but Python gets from there to a file on S3: the page of the first fifteen minutes, made anew."""
    session.run("python", "docs/newcomer.py", "docs/first-fifteen-minutes.md")


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks run: small, or what follows ``--``, as in ``run all --markdown docs/benchmarks.md``."""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "benchmarks", *(session.posargs or ("run", "all", "--quick")))


@nox.session(python=PYTHONS[0])
def package(session: nox.Session) -> None:
    """What is uploaded can be installed and used: a wheel made from the source distribution, in a clean environment."""
    made = Path(session.create_tmp())
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(made))
    (wheel,) = made.glob("hdmf_store-*.whl")
    session.run("python", "packaging/check_wheel.py", str(wheel))
    session.install(f"{wheel}[nwb]")
    session.chdir(made)
    recording = Path(__file__).parent / "examples" / "sub-healthy-simulated-beta_ses-162_ecephys.nwb"
    session.run("hdmf-store", "convert", str(recording), "recording.nwb.zarr", "--overwrite")
    session.run("hdmf-store", "verify", "recording.nwb.zarr", "--against", str(recording))
