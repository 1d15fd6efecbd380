"""Round trips and other properties, over everything that the nodes may hold."""
