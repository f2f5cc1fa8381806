"""Pure rules of telephony: no I/O, no clock, no third-party import."""
