"""The commands on files that lie on servers, and what they are told of these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.cli import main
from hdmf_store.nodes import ArraySource, Dataset, Group, Link, Number, Target
from tests.servers.s3 import Bucket

pytest.importorskip("s3fs")

SECRET = "wJalrXUtnFEMI-a-secret"


@pytest.fixture
def bare(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket of which the environment says nothing."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    return s3


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A file with a link in it."""
    place = tmp_path / "a.zarr"
    adapter = open_adapter(place, "w")
    numbers = Dataset(Number.of("int32"), (3,), ArraySource(np.arange(3, dtype="int32")))
    adapter.write(Plan(nodes={"/": Group({"x": 1}), "/g": Group(), "/g/a": numbers, "/l": Link(Target("/g/a"))}))
    adapter.close()
    return place


def run(*arguments: Any, **options: Any) -> Result:
    """Run a command and return what it said; it succeeds."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
    assert result.exit_code == 0, result.output
    return result


def test_files_go_to_a_server_from_there_and_between_places_on_it(bare: Bucket, local: Path, tmp_path: Path) -> None:
    """All commands that take files take options for the server."""
    options = ("--storage-options", json.dumps(bare.storage_options))
    there, beside = f"{bare.url}/deep/a.zarr", f"{bare.url}/b.zarr"

    summary = json.loads(run("convert", local, there, "--json", *options).output)
    assert (summary["destination"], summary["objects"]) == (there, 4)
    run("verify", there, "--against", local, *options)
    assert "int32" in run("tree", there, *options).output
    assert json.loads(run("info", there, "--json", *options).output)["file"] == there
    run("copy", there, beside, *options)
    run("consolidate", beside, *options)
    run("convert", beside, tmp_path / "back.h5", *options)
    run("verify", tmp_path / "back.h5", "--against", local)
    run("convert", local, there, "--overwrite", *options)
    run("verify", there, *options)


@pytest.mark.parametrize("way", ["file", "environment", "by address"])
def test_options_come_in_several_ways(bare: Bucket, local: Path, tmp_path: Path, way: str) -> None:
    """A file keeps them out of the list of processes; by address, each server gets its own."""
    there, text = f"{bare.url}/a.zarr", json.dumps(bare.storage_options)
    (tmp_path / "options.json").write_text(text)
    wrong = {"key": "of", "secret": "another"}
    by_address = json.dumps({"s3://": wrong, bare.url: bare.storage_options, f"{bare.url}0": wrong})
    given: dict[str, Any] = {
        "file": {"args": ("--storage-options", f"@{tmp_path / 'options.json'}")},
        "environment": {"env": {"HDMF_STORE_STORAGE_OPTIONS": text}},
        "by address": {"args": ("--storage-options", by_address)},
    }[way]

    run("convert", local, there, *given.get("args", ()), env=given.get("env"))
    run("verify", there, "--against", local, *given.get("args", ()), env=given.get("env"))


@pytest.mark.parametrize(
    "given",
    [
        f'{{"secret": "{SECRET}"',
        f'["{SECRET}"]',
        f'"{SECRET}"',
        f'{{"s3://bucket": "{SECRET}"}}',
        "@/nowhere/options.json",
    ],
)
def test_options_that_are_no_json_object_are_refused_without_showing_them(local: Path, given: str) -> None:
    """Before anything is opened."""
    result = CliRunner().invoke(main, ["tree", str(local), "--storage-options", given])

    assert result.exit_code == 2
    assert "options" in result.output
    assert SECRET not in result.output


def test_an_error_shows_no_credential(bare: Bucket, local: Path) -> None:
    """Whatever the server has to say."""
    options = {**bare.storage_options, "key": SECRET, "secret": SECRET}
    options["client_kwargs"]["endpoint_url"] = "http://127.0.0.1:9"

    result = CliRunner().invoke(
        main, ["convert", str(local), f"{bare.url}/a.zarr", "--storage-options", json.dumps(options)]
    )

    assert result.exit_code == 3
    assert f"{bare.url}/a.zarr" in result.output
    assert SECRET not in result.output


def test_options_for_servers_are_not_for_files_of_this_machine(local: Path) -> None:
    """So one command can name both."""
    run("tree", local, "--storage-options", '{"key": "k"}')
