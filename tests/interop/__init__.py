"""Files of other software, read here, and ours read there: both held against what they are known to hold."""
