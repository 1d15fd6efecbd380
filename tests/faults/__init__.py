"""Processes that are killed while they change files on this machine's disk, and what readers find afterwards."""
