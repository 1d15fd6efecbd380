"""What users hold: the IO classes. Argument checks, defaults and delegation; no logic of storage."""
