"""Pure rules of casework: no I/O, no clock, no third-party import."""
