"""Ordered references: 5,000 small images, and a list of references that says in which order they come.

``write``
    Constructor in mode ``w``, ``write``, ``close``.
``open+read``
    Constructor in mode ``r`` and ``read``, in a new process.
``resolve``
    ``order_of_images.data[:]``: the image that each of the references names.
"""

from __future__ import annotations

from benchmarks import files
from benchmarks.measure import Bench, run_stages

SIZES = {"full": 5_000, "quick": 100, "tiny": 5}


def write(bench: Bench) -> None:
    """Write images and their order."""
    nwb, path = files.empty_file("images"), bench.path("images")
    files.add_images(nwb, bench.size)
    with bench.step("write"), bench.open_io(path, mode="w") as io:
        io.write(nwb)
    bench.count_stored(path)


def read(bench: Bench) -> None:
    """Open the file, then follow every reference."""
    with bench.step("open+read"):
        io = bench.open_io(bench.path("images"), mode="r")
        images = io.read().stimulus_template["images"]
    with bench.step("resolve"):
        ordered = images.order_of_images.data[:]
    names = [files.image_name(number) for number in reversed(range(bench.size))]
    bench.check("images in order", [image.name for image in ordered], names)
    io.close()


if __name__ == "__main__":
    run_stages(write, read, sizes=SIZES)
