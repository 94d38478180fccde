"""Pure meaning: no I/O, no clock, no framework. Time, identifiers and state come in as arguments."""
