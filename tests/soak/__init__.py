"""Long runs against real servers: `make soak`, or `python -m tests.soak <name>`."""
