"""What the adapters that ship promise."""
