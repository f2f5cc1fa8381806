"""Pure rules of the hotline: no I/O, no clock, no third-party import."""
