"""Long runs: the same file opened, changed, read and closed thousands of times, in a process that must not grow."""
