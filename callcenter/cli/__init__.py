"""The command line: ``callcenter`` and ``python -m callcenter.cli.main``."""
