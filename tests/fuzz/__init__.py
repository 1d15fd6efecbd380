"""Parsers that are given bytes made up by a fuzzer that watches which lines run: ``nox -s fuzz``."""
