"""Pure rules of people: no I/O, no clock, no third-party import."""
