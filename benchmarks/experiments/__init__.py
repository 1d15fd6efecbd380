"""What was tried outside of the package, and what its choices rest on; each prints what it found."""
