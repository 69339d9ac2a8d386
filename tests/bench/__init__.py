"""What a call costs in time, bytes and write units. `python -m tests.bench [name ...]` runs and prints; nothing here is asserted."""
