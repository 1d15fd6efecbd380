"""Fuzz one target for a while; needs the package ``atheris``.

    python -m tests.fuzz chunk --seconds 120

Inputs that led to new lines are kept in ``--corpus``, if that is given. It ends with an error, and with the bytes in a
file in the working directory, when a target raises what it should not, takes more than ten seconds or 2 GiB.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hdmf_store", "hdmf_store_adapters", "zipfile"]):
    import hdmf_store_adapters.hdf5_adapter
    import hdmf_store_adapters.reference_adapter
    import hdmf_store_adapters.zip_adapter  # noqa: F401
    from tests.fuzz.targets import TARGETS

_WORDS = re.compile(rb'"[\w.\-|<>]{1,30}"')


def main() -> None:
    """Begin with the target's own seeds, and go on until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus")
    options = parser.parse_args()
    target = TARGETS[options.target]
    with tempfile.TemporaryDirectory() as made:
        corpus = Path(options.corpus or f"{made}/corpus")
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = target.seeds()
        for number, seed in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
        words = sorted({_entry(word) for word in _WORDS.findall(b" ".join(seeds))})
        (Path(made) / "words").write_bytes(b"\n".join(words))
        limits = [f"-max_total_time={options.seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"]
        warnings.simplefilter("ignore")
        limits += [f"-dict={made}/words"] if words else []
        atheris.Setup([sys.argv[0], str(corpus), *limits, "-print_final_stats=1"], target.run)
        atheris.Fuzz()


def _entry(word: bytes) -> bytes:
    return b'"' + word.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


if __name__ == "__main__":
    main()
