"""What is written here and read elsewhere, and the other way round: the same on both sides, to the last id.

Made with pynwb, hdmf and numpy alone, so that it also runs as a lone module in the environment of another
program. Nothing in it is random and nothing depends on the time: two calls make equal files.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock
from uuid import UUID

import numpy as np
from hdmf.build import DatasetBuilder, GroupBuilder, LinkBuilder, ReferenceBuilder
from hdmf.common import DynamicTable, VectorData, VectorIndex
from hdmf.data_utils import DataChunkIterator
from pynwb import NWBFile, TimeSeries
from pynwb.base import ImageReferences, Images
from pynwb.core import ScratchData
from pynwb.device import Device
from pynwb.ecephys import LFP, ElectricalSeries
from pynwb.file import Subject
from pynwb.image import GrayscaleImage, IndexSeries, RGBImage
from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel

UNICODE = "naïve 🐭→🧠 Ωμέγα 日本語"
_PAIR = np.dtype([("i", np.int16), ("f", np.float64)])
_START = datetime(2024, 2, 29, 13, 37, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))


@contextmanager
def _numbered_ids() -> Iterator[None]:
    """Give the containers made within the object ids 1, 2, 3, ... instead of random ones."""
    numbers = itertools.count(1)
    with mock.patch("hdmf.container.uuid4", side_effect=lambda: UUID(int=next(numbers))):
        yield


def recording(*, scalar_records: bool = True) -> NWBFile:
    """Make a session with every way in which NWB stores a value: links, references, ragged and compound columns.

    Parameters
    ----------
    scalar_records : bool, default True
        Whether there are datasets that are one record and no array: not all software can write these.

    Returns
    -------
    NWBFile
        In memory, never written; each call makes an equal one.
    """
    with _numbered_ids():
        file = NWBFile(
            session_description=UNICODE,
            identifier="interoperability",
            session_start_time=_START,
            timestamps_reference_time=_START + timedelta(seconds=1),
            file_create_date=[_START, _START + timedelta(days=1)],
            experimenter=["Doe, Jane", "Müller, Jörg", ""],
            keywords=("one", UNICODE),
            notes="",
        )
        file.subject = Subject(subject_id="mouse 1", species="Mus musculus", age="P90D", sex="F", description="a\nb")
        _add_ecephys(file, scalar_records)
        _add_trials(file)
        _add_units(file)
        _add_images(file)
        _add_ophys(file)
        _add_tables(file)
        file.add_scratch(ScratchData(name="matrix", data=np.eye(3), description="a matrix"))
        file.add_scratch(ScratchData(name="words", data=["x", "", UNICODE], description="words"))
    return file


def _add_ecephys(file: NWBFile, scalar_records: bool) -> None:
    device = file.create_device(name="probe", description="one probe with 'quotes' and spaces")
    groups = [
        file.create_electrode_group(
            name=name,
            description="a shank",
            location="CA1",
            device=device,
            position=(1.0, 2.0, np.nan) if scalar_records else None,
        )
        for name in ("shank0", "shank1")
    ]
    file.add_electrode_column(name="label", description="text")
    file.add_electrode_column(name="good", description="truth values")
    for number in range(6):
        file.add_electrode(
            x=float(number),
            y=np.nan if number == 3 else 0.5,
            z=-1.0,
            location="CA1" if number else "unknown",
            filtering="none",
            group=groups[number % 2],
            label=f"électrode {number}",
            good=number != 2,
        )
    region = file.create_electrode_table_region(region=[0, 2, 4], description="every second")
    raw = ElectricalSeries(
        name="raw",
        data=(np.arange(90, dtype=np.int16).reshape(30, 3) - 40),
        electrodes=region,
        timestamps=np.linspace(0.0, 2.9, 30),
        conversion=1e-6,
        resolution=np.nan,
        channel_conversion=[1.0, 0.5, 2.0],
    )
    file.add_acquisition(raw)
    lfp = LFP()
    file.create_processing_module(name="ecephys", description="derived").add(lfp)
    lfp.create_electrical_series(
        name="lfp",
        data=np.linspace(-1, 1, 20, dtype=np.float32).reshape(10, 2),
        rate=1000.0,
        starting_time=0.25,
        electrodes=file.create_electrode_table_region(region=[1, 5], description="two"),
    )
    file.add_acquisition(TimeSeries(name="same clock", data=np.arange(30.0), unit="V", timestamps=raw))
    file.add_acquisition(TimeSeries(name="same values", data=raw, unit="V", timestamps=raw))
    file.add_acquisition(
        TimeSeries(
            name="limits",
            data=np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324]),
            unit="a.u.",
            rate=10.0,
            offset=-np.inf,
            comments="",
            control=np.array([0, 1, 0, 1, 2], dtype=np.uint8),
            control_description=["off", "on", UNICODE],
        )
    )
    file.add_acquisition(TimeSeries(name="empty", data=np.empty((0, 4), np.float32), unit="V", timestamps=np.empty(0)))
    rows = DataChunkIterator(data=(np.full(3, row, np.int32) for row in range(7)), buffer_size=2)
    file.add_acquisition(TimeSeries(name="iterated", data=rows, unit="V", rate=1.0))
    file.add_acquisition(TimeSeries(name="truth", data=np.array([True, False, True]), unit="n/a", rate=1.0))


def _add_trials(file: NWBFile) -> None:
    file.add_trial_column(name="choice", description="text")
    file.add_trial_column(name="weights", description="two numbers a row")
    file.add_trial_column(name="notes", description="ragged text", index=True)
    series = [file.acquisition["raw"], file.acquisition["limits"]]
    for number in range(4):
        file.add_trial(
            start_time=float(number),
            stop_time=number + 0.5,
            timeseries=series[: 1 + number % 2],
            tags=["early", UNICODE][: number % 3],
            choice="left" if number else "",
            weights=[number, -number],
            notes=["a"] * number,
        )
    file.add_invalid_time_interval(start_time=0.0, stop_time=0.1, tags=["noise"], timeseries=[series[0]])


def _add_units(file: NWBFile) -> None:
    file.add_unit_column(name="quality", description="text")
    for number in range(3):
        file.add_unit(
            spike_times=np.arange(number + 1) / 7.0,
            obs_intervals=[[0.0, 1.0]] * (number + 1),
            electrodes=list(range(number)),
            electrode_group=file.electrode_groups["shank0" if number else "shank1"],
            waveform_mean=np.full((4, 2), float(number)),
            waveforms=[[np.full(4, spike + number, dtype=float) for _ in range(2)] for spike in range(number + 1)],
            quality=("good", "", UNICODE)[number],
        )


def _add_images(file: NWBFile) -> None:
    gray = [GrayscaleImage(name=f"gray {number}", data=np.full((3, 2), number, np.uint8)) for number in range(3)]
    rgb = RGBImage(name="rgb", data=np.arange(18, dtype=np.uint8).reshape(3, 2, 3), description="colours")
    order = ImageReferences(name="order_of_images", data=[gray[2], rgb, gray[0], gray[1]])
    images = Images(name="images", images=[*gray, rgb], description="in this order", order_of_images=order)
    file.add_stimulus_template(images)
    file.add_stimulus(
        IndexSeries(
            name="shown",
            data=np.array([3, 0, 1], dtype=np.uint32),
            unit="N/A",
            indexed_images=images,
            timestamps=[0.0, 1.0, 2.5],
        )
    )


def _add_ophys(file: NWBFile) -> None:
    device = Device(name="microscope")
    file.add_device(device)
    plane = file.create_imaging_plane(
        name="plane",
        description="a plane",
        device=device,
        excitation_lambda=600.0,
        indicator="GFP",
        location="V1",
        optical_channel=OpticalChannel(name="green", description="a channel", emission_lambda=500.0),
        origin_coords=[1.0, 2.0, 3.0],
        grid_spacing=[0.1, 0.2],
    )
    module = file.create_processing_module(name="ophys", description=UNICODE)
    segmentation = ImageSegmentation(name="segmentation")
    module.add(segmentation)
    rois = segmentation.create_plane_segmentation(name="rois", description="masks of pixels", imaging_plane=plane)
    for number in range(3):
        rois.add_roi(pixel_mask=[(x, x + number, 0.5 * x) for x in range(number + 1)])
    fluorescence = Fluorescence()
    module.add(fluorescence)
    table_region = rois.create_roi_table_region(region=[2, 0], description="two")
    fluorescence.create_roi_response_series(
        name="response", data=np.ones((5, 2)), rois=table_region, unit="lumens", rate=30.0
    )


def _add_tables(file: NWBFile) -> None:
    table = DynamicTable(
        name="a table",
        description="columns of many kinds",
        id=[10, 20, 40],
        columns=[
            VectorData(name="text", description="text", data=["x", "", UNICODE]),
            VectorData(name="truth", description="truth values", data=[True, False, True]),
            VectorData(name="pairs", description="two numbers a row", data=np.arange(6, dtype=np.int32).reshape(3, 2)),
            VectorData(name="words", description="two words a row", data=[["a", "b"], ["c", ""], [UNICODE, "d"]]),
            VectorData(name="small", description="narrow", data=np.array([1, 2, 3], dtype=np.int8)),
        ],
    )
    inner = VectorData(name="doubly", description="doubly ragged", data=np.arange(7.0))
    middle = VectorIndex(name="doubly_index", data=[2, 3, 3, 7], target=inner)
    table.add_column(
        name="kept",
        description="things of several types",
        data=[file.acquisition["raw"], file.devices["probe"], table],
    )
    module = file.create_processing_module(name="tables", description="tables")
    module.add(table)
    outer = VectorIndex(name="doubly_index_index", data=[1, 4], target=middle)
    other = DynamicTable(
        name="rows of it", description="refers to the first", columns=[inner, middle, outer], id=[0, 1]
    )
    module.add(other)
    other.add_column(name="rows", description="rows of the first", data=[2, 0], table=table)


def tree(*, scalar_records: bool = True) -> GroupBuilder:
    """Make a tree of builders that no data type asks for: every element type, attribute, reference and link.

    Parameters
    ----------
    scalar_records : bool, default True
        Whether there are datasets that are one record or one reference and no array.

    Returns
    -------
    GroupBuilder
        A root as ``write_builder`` takes it; each call makes an equal one.
    """
    root = GroupBuilder("root", attributes={"made": "by hand"})
    numbers = _dataset("numbers", np.arange(12.0).reshape(4, 3), attributes={"unit": "V", "n": 3})
    words = _dataset("words", ["x", "", UNICODE], dtype="utf")
    inner = GroupBuilder("inner", attributes={"flag": True}, datasets=[words])
    deep = GroupBuilder("a", groups=[GroupBuilder("b c", groups=[GroupBuilder("ü", groups=[inner])])])
    root.set_dataset(numbers)
    root.set_group(deep)
    root.set_group(GroupBuilder("empty"))
    root.set_group(GroupBuilder("scalars", datasets=_scalars()[: None if scalar_records else -1]))
    root.set_group(GroupBuilder("arrays", datasets=_arrays()))
    root.set_group(
        GroupBuilder("references", datasets=_references(numbers, inner, words)[0 if scalar_records else 1 :])
    )
    root.set_group(GroupBuilder("attributes", attributes=_attributes(numbers, inner)))
    links = [
        LinkBuilder(numbers, "to a dataset"),
        LinkBuilder(inner, "to_a_group"),
        LinkBuilder(words, "deep"),
    ]
    root.set_group(GroupBuilder("links", links=links))
    return root


def _dataset(name: str, data: Any, **options: Any) -> DatasetBuilder:
    return DatasetBuilder(name=name, data=data, **options)


def _listed(dtype: np.dtype) -> list[dict[str, str]]:
    """Name the fields of a compound type the way a builder does."""
    return [{"name": name, "dtype": dtype[name].name} for name in dtype.names]


def _scalars() -> list[DatasetBuilder]:
    numbers = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]
    return [
        *(_dataset(name, np.dtype(name).type(7)) for name in numbers),
        _dataset("zero", np.int16(0)),
        _dataset("nan", np.nan),
        _dataset("python_int", 2**53 + 1),
        _dataset("python_float", 0.1),
        _dataset("true", True),
        _dataset("false", np.bool_(False)),
        _dataset("text", UNICODE),
        _dataset("empty_text", ""),
        _dataset("numpy_text", np.str_(UNICODE)),
        _dataset("bytes", b"abc"),
        _dataset("compound", np.array((1, 2.5), dtype=_PAIR), dtype=_listed(_PAIR)),
    ]


def _arrays() -> list[DatasetBuilder]:
    numbers = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32"]
    pairs = np.array([(1, 2.5), (-3, np.nan)], dtype=_PAIR)
    return [
        *(_dataset(name, np.arange(3).astype(name)) for name in numbers),
        _dataset("zeros", np.zeros((2, 3), np.int32)),
        _dataset("big_endian", np.arange(4, dtype=">i4")),
        _dataset("fortran", np.asfortranarray(np.arange(6.0).reshape(2, 3))),
        _dataset("limits", np.array([np.nan, np.inf, -np.inf, -0.0])),
        _dataset("bool", np.array([[True, False], [False, False]])),
        _dataset("nested_list", [[1, 2, 3], [4, 5, 6]]),
        _dataset("text_matrix", np.array([["a", "b"], ["", UNICODE]], dtype=object), dtype="utf"),
        _dataset("numpy_texts", [np.str_("a"), "b"], dtype="utf"),
        _dataset("fixed_width_text", np.array(["abc", "d"]), dtype="utf"),
        _dataset("empty", np.empty((0,)), dtype="float64"),
        _dataset("empty_matrix", np.empty((0, 4), np.int16), dtype="int16"),
        _dataset("empty_text", [], dtype="utf"),
        _dataset("bytes", [b"ab", b""], dtype="ascii"),
        _dataset("compound", pairs, dtype=_listed(_PAIR)),
    ]


def _references(numbers: DatasetBuilder, inner: GroupBuilder, words: DatasetBuilder) -> list[DatasetBuilder]:
    fields = {"i": "int32", "f": "float64", "s": "utf", "r": "object"}
    to_numbers, to_inner, to_words = (ReferenceBuilder(target) for target in (numbers, inner, words))
    return [
        _dataset("scalar", to_numbers, dtype="object"),
        _dataset("array", [to_numbers, to_inner, to_words, to_numbers], dtype="object"),
        _dataset("many", [to_inner, to_words] * 50, dtype="object"),
        _dataset(
            "compound",
            [(1, 0.5, "a", to_numbers), (2, np.nan, UNICODE, to_inner), (-3, 0.0, "", to_words)],
            dtype=[{"name": name, "dtype": dtype} for name, dtype in fields.items()],
        ),
    ]


def _attributes(numbers: DatasetBuilder, inner: GroupBuilder) -> dict[str, Any]:
    return {
        "true": True,
        "int": 1,
        "negative": -1,
        "big": 2**53 + 1,
        "float": 1.5,
        "whole_float": 2.0,
        "nan": np.nan,
        "infinity": -np.inf,
        "text": UNICODE,
        "empty_text": "",
        "numpy_int": np.uint16(7),
        "numpy_float": np.float32(0.1),
        "numpy_bool": np.bool_(False),
        "ints": [1, 2],
        "floats": [1.0, np.nan],
        "texts": ["a", "ü", ""],
        "bytes": b"abc",
        "nothing": [],
        "numpy_ints": np.arange(3, dtype=np.int8),
        "numpy_bools": np.array([True, False]),
        "numpy_texts": np.array(["a", "ü"], dtype="U1"),
        "matrix": np.eye(2),
        "to_a_dataset": ReferenceBuilder(numbers),
        "to_a_group": inner,
    }
