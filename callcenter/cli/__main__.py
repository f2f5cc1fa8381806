"""``python -m callcenter.cli``."""

from __future__ import annotations

from callcenter.cli.main import main

if __name__ == "__main__":
    main()
