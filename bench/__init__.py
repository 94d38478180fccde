"""Measurements of the system beside its peers: printed, written down in docs/bench.md, never asserted in tests."""
