"""The local ServiceTitan: a field-service business behind the real API's rules, faults on demand. See README.md."""
