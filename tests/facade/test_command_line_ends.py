"""``hdmf-store`` as shells, batch systems and terminals meet it: how it ends, and what its output is made of.

Real processes, ended by real signals and real pipes.
"""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from hdmf.build import DatasetBuilder

from hdmf_store import StoreIO, ZarrIO
from hdmf_store.cli import main
from hdmf_store.cli.calls import command
from hdmf_store.errors import AccessError
from tests.facade.recordings import left_overs
from tests.servers.s3 import Bucket
from tests.translate.builder_files import dataset, group, root

pytestmark = [pytest.mark.once]

COMMAND = [sys.executable, "-m", "hdmf_store.cli"]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes many seconds to convert, verify or print, and little room on the disk."""
    path = tmp_path_factory.mktemp("long") / "long.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", shape=(2_000_000_000,), dtype="f8", chunks=(500_000,), compression="gzip")
        chunk = zlib.compress(np.full(500_000, 1.5).tobytes())
        for start in range(0, len(data), 500_000):
            data.id.write_direct_chunk((start,), chunk)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.zarr"
    with ZarrIO(path, "w") as io:
        io.write_builder(root(group("ä☃😀", dataset("label", ["é☃😀"])), note="☃"))
    return path


def _started(*words: object, **options: Any) -> subprocess.Popen[str]:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": buffered, **options}
    return subprocess.Popen(
        [*COMMAND, *map(str, words)], text=True, start_new_session=True, preexec_fn=_hear_interrupts, **options
    )


def _hear_interrupts() -> None:
    """Undo what shells do to programs in the background, which then ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _done(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, env=variables, encoding="latin-1")


def _wait_until_it_writes(folder: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not any(folder.rglob("c")) and not any(folder.glob("*.tmp-*")) and not any(folder.glob("*hdmf-store-tmp*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)


@pytest.mark.parametrize(
    ("words", "number", "code", "said"),
    [
        (["convert"], signal.SIGINT, 130, "Interrupted.\n"),
        (["repack", "--jobs", "2"], signal.SIGINT, 130, "Interrupted.\n"),
        (["convert"], signal.SIGTERM, 143, ""),
    ],
    ids=["Ctrl-C", "Ctrl-C with processes", "the signal of a batch system"],
)
def test_who_is_stopped_leaves_nothing_and_says_so(
    long: Path, tmp_path: Path, words: list[str], number: signal.Signals, code: int, said: str
) -> None:
    """A new file appears whole or not at all, also then; the exit code is that of shells."""
    process = _started(*words, long, tmp_path / "new.zarr", stdout=subprocess.DEVNULL)
    _wait_until_it_writes(tmp_path, process)

    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, error = process.communicate(timeout=60)

    assert process.returncode == code
    assert said in error if "--jobs" in words else error == said  # processes that just start say more
    assert left_overs(tmp_path) == []


def test_ctrl_c_while_a_file_is_read_ends_at_once(long: Path) -> None:
    process = _started("cat", long, "/x", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "1.5\n"

    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)

    assert (process.returncode, error) == (130, "Interrupted.\n")


@pytest.mark.parametrize("words", [["cat", "{long}", "/x"], ["tree", "{wide}"]], ids=["cat", "tree"])
def test_a_reader_that_has_seen_enough_is_no_error(long: Path, tmp_path: Path, words: list[str]) -> None:
    """As in ``| head``: nothing is said, and the exit code is the one that shells give to such ends."""
    with h5py.File(tmp_path / "wide.h5", "w") as file:
        for number in range(4000):  # more than any pipe holds
            file.create_group(f"{'a_name_of_some_length_' * 40}{number}")
    process = _started(*[word.format(long=long, wide=tmp_path / "wide.h5") for word in words])
    assert process.stdout is not None and process.stderr is not None

    process.stdout.readline()
    process.stdout.close()

    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(60) == 141


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_that_knows_few_letters_gets_the_others_escaped(small: Path, encoding: str) -> None:
    """And programs get the same JSON from it."""
    variables = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    shown, for_programs = _done("tree", small, **variables), _done("tree", small, "--json", **variables)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\u2603" in shown.stdout
    assert for_programs.returncode == 0
    decoded = json.loads(for_programs.stdout.encode("latin-1").decode("utf-8" if encoding == "ascii" else encoding))
    assert "/ä☃😀/label" in decoded["objects"]


def _on_a_terminal(columns: int, *words: object, **environment: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit code and what it wrote."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "COLUMNS": str(columns), **environment})
        os.execv(sys.executable, [*COMMAND, *map(str, words)])
    written = b""
    while True:
        try:
            more = os.read(descriptor, 65536)
        except OSError:  # as Linux ends a terminal that nobody holds any more
            break
        if not more:
            break
        written += more
    _, status = os.waitpid(pid, 0)
    os.close(descriptor)
    return os.waitstatus_to_exitcode(status), written.decode()


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    """An error is red, but not with NO_COLOR, and not in a log."""
    code, coloured = _on_a_terminal(60, "info", tmp_path / "no.zarr", NO_COLOR="")
    _, plain = _on_a_terminal(60, "info", tmp_path / "no.zarr", NO_COLOR="1")

    assert code == 3
    assert "\x1b[31mError: " in coloured
    assert "\x1b[3" not in plain
    assert "\x1b" not in _done("info", tmp_path / "no.zarr").stderr


def test_a_narrow_terminal_gets_tables_that_fit() -> None:
    _, shown = _on_a_terminal(50, "adapters", NO_COLOR="1")

    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip("\r") for line in shown.split("\n")]
    assert max(map(len, lines)) <= 50


def test_what_icechunk_has_to_say_is_not_mixed_into_json(tmp_path: Path) -> None:
    """It writes warnings to standard output, in colours."""
    pytest.importorskip("icechunk")
    with StoreIO(f"icechunk://{tmp_path / 'repository'}", "w") as io:
        io.write_builder(root(DatasetBuilder("x", [1, 2])))

    done = _done("info", f"icechunk://{tmp_path / 'repository'}", "--json")

    assert json.loads(done.stdout)["objects"] == 2


def test_a_command_that_is_misspelled_is_suggested() -> None:
    result = CliRunner().invoke(main, ["cnvert", "a", "b"])

    assert result.exit_code == 2
    assert "No such command 'cnvert'. Did you mean 'convert'?" in result.stderr


def test_without_access_the_option_of_the_command_is_named(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    result = CliRunner().invoke(main, ["info", f"{s3.url}/no.zarr"])

    assert result.exit_code == 3
    assert "access is denied" in result.stderr
    assert "--storage-options '{\"anon\": true}'" in result.stderr


def test_what_this_machine_denies_needs_no_option_of_a_server() -> None:
    """Permissions of files are not mended by credentials."""
    denial = AccessError("a.zarr", "cannot write 'x/c/0' (Permission denied). Ask who owns it", errno.EACCES)

    @command
    def denied() -> None:
        raise denial

    result = CliRunner().invoke(denied, [])

    assert result.exit_code == 3
    assert " ".join(result.stderr.split()) == f"Error: {denial}"


def _completions(line: list[str]) -> list[tuple[str, str]]:
    """Return kind and word, as bash is told them by the script that ``_HDMF_STORE_COMPLETE=bash_source`` prints."""
    result = CliRunner().invoke(
        main,
        prog_name="hdmf-store",
        env={
            "_HDMF_STORE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["hdmf-store", *line]),
            "COMP_CWORD": str(len(line)),
        },
    )
    return sorted(tuple(found.split(",", 1)) for found in result.stdout.splitlines() if found)  # type: ignore[misc]


def test_a_shell_completes_commands_options_files_and_objects(small: Path, tmp_path: Path) -> None:
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        inner = group("acquisition", dataset("voltage", np.arange(3)), dataset("events", [1]))
        io.write_builder(root(inner, dataset("apple", [1])))

    assert _completions(["con"]) == [("plain", "consolidate"), ("plain", "convert")]
    assert ("plain", "--overwrite") in _completions(["convert", "--over"])
    assert _completions(["info", "f"]) == [("file", "f")], "left to the shell"
    assert _completions(["cat", str(tmp_path / "f.zarr"), "/a"]) == [("plain", "/acquisition/"), ("plain", "/apple")]
    assert _completions(["cat", str(tmp_path / "f.zarr"), "/acquisition/v"]) == [("plain", "/acquisition/voltage")]
    assert _completions(["cat", str(tmp_path / "no.zarr"), "/a"]) == []
    assert _completions(["cat", "s3://bucket/f.zarr", "/a"]) == [], "no server is asked at each key"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str) -> None:
    if shell == "bash":
        version = subprocess.run(["bash", "--version"], capture_output=True, text=True).stdout
        if not re.search(r"version ([5-9]|4\.[4-9])", version):
            pytest.skip("this bash is older than 4.4, which completes nothing of ours")
    result = CliRunner().invoke(main, prog_name="hdmf-store", env={"_HDMF_STORE_COMPLETE": f"{shell}_source"})

    assert result.exit_code == 0
    assert "_HDMF_STORE_COMPLETE" in result.stdout
