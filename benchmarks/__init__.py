"""The whole product beside a bare Asterisk, under one load: ``python -m benchmarks``."""
