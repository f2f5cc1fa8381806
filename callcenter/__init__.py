"""A 12345 government hotline on Asterisk: the calls, their recordings and the case loop."""
