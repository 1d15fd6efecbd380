"""The benchmark suite: that it measures what it says, and that its report hides nothing. No seconds are judged."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdmf_store
from benchmarks.data import part_of_recording, recording
from benchmarks.environments import SUBJECTS
from benchmarks.experiments.bundle import joined, taken_apart
from benchmarks.experiments.codecs import KINDS, compared
from benchmarks.experiments.codecs import table as table_of_codecs
from benchmarks.experiments.scaling import Machine, Work, predicted
from benchmarks.experiments.shares import shares_of, table_of
from benchmarks.facts import apart, together
from benchmarks.measure import Bench, run_stage
from benchmarks.network import far_away, least_rounds
from benchmarks.page import page
from benchmarks.plots import plot_of
from benchmarks.report import target_rows
from benchmarks.rounds import SCENARIOS, Results, Sample, scenario_names
from benchmarks.targets import TARGETS, Quantity, Target
from benchmarks.verdicts import Against, verdicts

IN_THIS_PROCESS = [name for name in scenario_names() if re.search(r"sizes=", (SCENARIOS / f"{name}.py").read_text())]
VERSIONS = {subject.name: {"python": f"{subject.python.removeprefix('>=')}.1"} for subject in SUBJECTS}


@pytest.fixture
def measured(tmp_path, monkeypatch, capsys):
    """Run a scenario at its tiniest for this package, and return what the harness would make of it."""

    def run(scenario: str) -> Results:
        def answer(*arguments: str) -> dict[str, Any]:
            monkeypatch.setattr(sys, "argv", ["scenario", "--library", "hdmf-store", *arguments])
            runpy.run_path(str(SCENARIOS / f"{scenario}.py"), run_name="__main__")
            return json.loads(capsys.readouterr().out.splitlines()[-1])

        asked = answer()
        sample = Sample(subject="ours-newest", round=1, load=0.0)
        for stage in asked["stages"]:
            found = answer("--stage", stage, "--scale", "tiny", "--folder", str(tmp_path))
            for field in ("seconds", "added_bytes", "counts", "failures"):
                getattr(sample, field).update(found[field])
            sample.peak_bytes[stage] = found["peak_bytes"]
        return Results(scenario=scenario, scale="tiny", versions={"ours-newest": asked["versions"]}, samples=[sample])

    return run


@pytest.mark.once
@pytest.mark.parametrize("scenario", IN_THIS_PROCESS)
def test_a_scenario_measures_what_its_text_and_the_targets_name(scenario, measured):
    """Nothing fails, each step is explained, and each target is about something that is measured."""
    (sample,) = measured(scenario).samples

    assert sample.failures == {}
    explained = re.sub(r"\bN\b", r"\\d+", (SCENARIOS / f"{scenario}.py").read_text())
    unexplained = [step for step in sample.seconds if not _is_named(step, explained)]
    assert sample.seconds and unexplained == []
    wanted = [(target.quantity, target.of) for target in TARGETS if target.scenario == scenario]
    steps = {Quantity.SECONDS: sample.seconds, Quantity.COUNT: sample.counts, Quantity.ADDED: sample.seconds}
    assert [(quantity, of) for quantity, of in wanted if of not in steps[quantity]] == []


def _is_named(step: str, text: str) -> bool:
    return any(re.fullmatch(name, step) or name == step for name in re.findall(r"``([^`]+)``", text))


def test_every_target_is_about_a_scenario_that_exists():
    assert {target.scenario for target in TARGETS} <= set(scenario_names())


def test_what_was_measured_is_stored_and_the_page_shows_its_targets_times_and_versions(measured):
    measured_now = measured("references")
    results = Results.from_json(json.loads(json.dumps(measured_now.as_json())))
    assert results == measured_now

    text = page({"date": "today"}, [results], {"references": "bench/references.svg"}, {"references": "date: today"})

    assert "- date: today" in text
    assert "Measured: date: today.\n" in text
    assert "![References: medians of each subject](bench/references.svg)" in text
    assert re.search(
        r"^\| references \| resolve \| ours-newest \| ≤ 0\.50 × NWBHDF5IO.* \| – \| not judged \|$", text, re.M
    )
    for step in ("write", "open+read", "resolve"):
        assert re.search(rf"^\| {re.escape(step)} \| ours-newest \| \d+\.\d+ \|", text, re.M)
    assert re.search(rf"^\| ours-newest \| {sys.version_info.major}\.{sys.version_info.minor}\.", text, re.M)


def test_a_page_about_several_runs_tells_what_they_share_above_and_the_rest_with_each():
    runs = [{"rounds": "3", "date": "a"}, {"rounds": "3", "date": "b"}]

    assert together(runs) == {"rounds": "3", "date": "see each scenario"}
    assert [apart(facts, runs) for facts in runs] == ["date: a", "date: b"]
    assert apart(runs[0], runs[:1]) == ""


def _results(seconds: dict[str, list[float]], scenario: str = "append_one", **fields: Any) -> Results:
    samples = [
        Sample(subject=subject, round=number, load=0.0, seconds={"append": value})
        for subject, values in seconds.items()
        for number, value in enumerate(values)
    ]
    return Results(scenario=scenario, samples=samples, versions={name: VERSIONS[name] for name in seconds}, **fields)


def test_a_target_is_met_or_missed_by_the_ratio_of_medians_on_the_same_python():
    results = _results({"ours-3.11": [0.9, 0.4, 0.4], "ours-newest": [0.6], "hdf5-3.11": [1.0], "hdf5-newest": [1.0]})

    found = {verdict.subject: (verdict.measured, verdict.is_met) for verdict in verdicts(results)}

    assert found == {"ours-3.11": (0.4, True), "ours-newest": (0.6, False)}


def test_the_faster_of_two_peers_is_the_one_to_compare_with():
    target = Target(scenario="append_one", of="append", limit=0.5, against=Against.PEER)
    results = _results({"ours-newest": [0.6], "hdmf-zarr-0.13": [1.0], "hdmf-zarr-0.14": [4.0]})

    (verdict,) = verdicts(results, [target])

    assert (verdict.measured, verdict.is_met) == (0.6, False)


@pytest.mark.parametrize(
    "results",
    [
        pytest.param(_results({"ours-newest": [0.1], "hdf5-newest": [1.0]}, scale="quick"), id="small"),
        pytest.param(_results({"ours-newest": [0.1]}), id="nobody to compare with"),
        pytest.param(_results({"ours-newest": [], "hdf5-newest": [1.0]}), id="not measured"),
    ],
)
def test_what_says_nothing_about_a_target_is_not_judged(results):
    assert [row[-1] for row in target_rows(results)] == ["not judged"]


def test_a_subject_that_fails_is_reported_with_the_first_line_of_its_error():
    results = _results({"ours-newest": [0.1]})
    results.samples.append(
        Sample(subject="hdf5-newest", round=1, load=0.0, failures={"append": "OSError: no such thing"})
    )
    results.absent["hdmf-zarr-0.13"] = "no Python 3.11 here\nInstall one"

    text = page({}, [results], {}, {})

    assert "| hdf5-newest | append (round 1) | OSError: no such thing |" in text
    assert "| hdmf-zarr-0.13 | everything | no Python 3.11 here |" in text
    assert not results.is_complete()


def test_a_wrong_answer_is_a_failure_of_its_stage(tmp_path):
    bench = Bench(library="hdmf-store", open_io=open, folder=tmp_path, suffix="")

    def read(bench: Bench) -> None:
        bench.check("rows", 2, 3)

    run_stage(read, bench)

    assert bench.failures == {"read": "WrongAnswerError: rows: expected 3, found 2"}


def test_a_server_far_away_answers_late_and_tells_what_it_was_asked_since_the_last_time(tmp_path):
    keys = ["a.zarr/zarr.json", "a.zarr/x/c/0", "a.zarr/x/zarr.json", "a.zarr/y/c.0.1", "a.zarr/x/c/0"]
    for key in set(keys):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_text(key)

    with far_away(tmp_path, latency=0.05) as remote:
        begun = time.monotonic()
        found = [urllib.request.urlopen(f"{remote.url}/{key}").read().decode() for key in keys]
        taken = time.monotonic() - begun
        asked, afterwards = remote.asked(), remote.asked()

    assert found == keys
    assert taken >= len(keys) * 0.05
    assert (asked.requests, asked.before_chunks, asked.chunks, asked.rounds, asked.at_once) == (5, 1, 3, 5, 1)
    assert (asked.chunk_keys, asked.by_method) == ([keys[1], keys[3], keys[4]], {"GET": 5})
    assert asked.repeated == 1
    assert 4 * 0.05 <= asked.chunk_seconds <= taken
    assert afterwards.requests == 0


@pytest.mark.parametrize(("objects", "rounds"), [(0, 1), (1, 2), (64, 2), (65, 3)])
def test_the_way_takes_a_round_for_the_document_and_one_for_each_64_objects(objects, rounds):
    assert least_rounds(objects) == rounds


def test_a_bundle_holds_every_piece_under_its_key(tmp_path):
    pieces = {"x/c/0": b"\0\1", "x/c/1": b"", "ü/c": b"last"}
    for key, piece in pieces.items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(piece)

    assert taken_apart(joined(tmp_path, pieces)) == pieces


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can set the mark of memory back")
def test_memory_that_a_step_adds_is_seen_even_if_it_is_given_back():
    # in a process of its own: in this one, other tests may leave room that is given back or filled meanwhile
    code = (
        "import numpy as np; from benchmarks.memory import watch_added_memory; added = watch_added_memory(); "
        "np.ones(40_000_000, dtype='uint8'); print(added())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )

    assert int(told.stdout) >= 35_000_000


def test_made_up_recordings_are_the_same_every_time_and_like_amplifiers():
    data = recording(40_000, channels=16)

    assert np.array_equal(data[:50], recording(50, channels=16))
    assert data.dtype == "int16" and 10 < data.std() < 30
    assert data.min() < -60  # spikes
    assert not np.array_equal(data[:10_000], data[30_000:])


@pytest.mark.parametrize("scenario", ["append_one", "growth"])
def test_the_same_samples_make_the_same_plot(scenario):
    pytest.importorskip("matplotlib", reason="plots need the extra bench")
    results = _results({"ours-newest": [0.1, 0.2], "hdf5-newest": [1.0]})
    if scenario == "growth":
        results = Results(
            scenario="growth",
            versions=results.versions,
            samples=[Sample(subject="ours-newest", round=1, load=0.0, seconds={"write 10": 1.0, "write 20": 2.0})],
        )

    first, second = plot_of(results), plot_of(results)

    assert first == second
    assert "<svg" in first and "ours-newest" in first
    assert str(Path.home()) not in first


def test_time_is_counted_for_the_package_whose_code_took_it():
    """What is written in C counts for who called it; waiting for threads for nobody."""
    ours, theirs = (hdmf_store.__file__, 1, "f"), (h5py.__file__, 2, "g")
    in_c, lock = ("~", 0, "<built-in method read>"), ("~", 0, "<method 'acquire' of '_thread.lock' objects>")
    statistics = {
        ours: (1, 1, 0.5, 9.0, {}),
        theirs: (1, 1, 0.25, 9.0, {ours: (1, 1, 0.25, 9.0)}),
        in_c: (3, 3, 4.0, 4.0, {ours: (1, 1, 1.0, 1.0), theirs: (2, 2, 3.0, 3.0)}),
        lock: (1, 1, 2.0, 2.0, {ours: (1, 1, 2.0, 2.0)}),
    }

    assert shares_of(statistics) == {"hdmf-store": 1.5, "h5py": 3.25, "waiting": 2.0}
    rows = [("open", "hdmf-store", {"hdmf-store": 3.0, "zarr": 1.0, "numpy": 0.01})]
    table = table_of("x", rows)
    assert table.head == ["step", "library", "profiled [s]", "hdmf-store [%]", "zarr [%]"]
    assert table.rows == [["open", "hdmf-store", "4.010", "75", "25"]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.split(",")[0])
def test_the_table_of_codecs_has_the_default_among_others_that_make_the_same_data_smaller(kind):
    """One row is starred; without a codec numbers stay as large as they are, and the default makes them smaller."""
    chunks = [kind.make(20_000)]

    found = list(compared(kind, chunks, 1))

    default, *others = [one for one in found if one.is_default]
    none = next(one for one in found if one.name == "none")
    assert not others
    assert none.ratio == 1 or chunks[0].dtype == object
    assert default.ratio < 0.9 * none.ratio
    assert table_of_codecs(kind, found).count("\\*") == 1


def test_the_model_of_a_conversion_says_what_decides_as_workers_are_added():
    machine = Machine(
        start=10.0,
        fixed=1.0,
        encode=1e8,
        ratio=2.0,
        network=1e9,
        latency=0.03,
        requests=1_000.0,
        server=float("inf"),
        document=1e-3,
        task=1e-3,
        client=1e8,
    )
    work = Work(data=1e12, chunk=4e6, objects=1_000, workers=1)

    assert predicted(machine, work) == (pytest.approx(10 + 1 + 1e12 / 1e8 + 1), "encoding")
    assert predicted(machine, replace(work, read=2e13))[1] == "network of the workers"
    assert predicted(machine, replace(work, workers=1_000)) == (
        pytest.approx(10 + 1 + 250 + 1),
        "requests of the server",
    )
    alone = predicted(machine, replace(work, workers=1_000, by_workers=False))
    assert alone == (pytest.approx(10 + 1 + 1e12 / 16e6 * 1e-3 + 5e11 / 1e8 + 1), "the writer")


def test_an_iterator_for_many_workers_makes_the_same_recording_part_by_part():
    whole = recording(65_000)
    for start, stop in ((0, 10), (29_990, 30_010), (10, 64_999)):
        assert np.array_equal(part_of_recording(start, stop), whole[start:stop])
