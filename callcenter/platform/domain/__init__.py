"""Pure rules that settings need: no I/O, no clock, no third-party import."""
