"""What is measured: one module per scenario, found by its file name.

A scenario is a module that can be run (``python -m benchmarks.scenarios.NAME``) inside the environment
of a subject. Its docstring says what each step measures; its stages are functions that take a
`benchmarks.measure.Bench`; its last lines hand them to `benchmarks.measure.run_stages`.
"""
