"""What was tried outside of the package, to know what it would gain; each is run by itself and prints what it found."""
