"""What nodes, locations and errors promise."""
