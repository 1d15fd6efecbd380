"""What the pages show of the benchmark report, taken from the report when they are built.

``{measured}`` makes a table of lines ``scenario: step`` from `benchmarks.md`: each subject's ratio to HDF5. ``{plots}``
shows the plots of scenarios that `python -m benchmarks run --markdown docs/benchmarks.md` has put into `benchmarks/`.
A report that lacks a scenario leaves it out, so that a new report needs no change of a page.
"""

from pathlib import Path

from docutils import nodes
from ratios import NAMES, ratios
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

DOCS = Path(__file__).parents[1]


class Measured(SphinxDirective):
    """A table of ratios; each line of the content is ``scenario: step: what readers call it``."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(DOCS / "benchmarks.md"))
        measured = ratios((DOCS / "benchmarks.md").read_text())
        rows = []
        for line in self.content:
            scenario, step, words = (part.strip() for part in line.split(":", 2))
            if (scenario, step) in measured:
                told = [_told(measured[scenario, step].get(subject)) for subject in NAMES]
                rows.append(f"| {words} | {' | '.join(told)} |")
        if not rows:
            return []
        head = ["| time, HDMF’s HDF5 backend = 1 | " + " | ".join(NAMES.values()) + " |", "| --- | ---: | ---: |"]
        return self.parse_text_to_nodes("\n".join([*head, *rows]))


def _told(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


class Plots(SphinxDirective):
    """The plots of scenarios, as far as they were drawn; each line of the content is ``scenario: what it shows``."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        shown = []
        for line in self.content:
            scenario, _, words = line.partition(":")
            if (DOCS / "benchmarks" / f"{scenario.strip()}.svg").is_file():
                shown.append(f"[![{words.strip()}](/benchmarks/{scenario.strip()}.svg)](/benchmarks.md)\n")
        return self.parse_text_to_nodes("\n".join(shown)) if shown else []


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("measured", Measured)
    app.add_directive("plots", Plots)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
