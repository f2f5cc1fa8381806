"""``python -m agi`` runs the watchdog; ``python -m agi serve`` the server alone."""

from __future__ import annotations

import sys

from callcenter.platform.private import keep_private


def main() -> int:
    """The exit code of the process asked for."""
    keep_private()
    # Imported where needed: the watchdog must stay small.
    if sys.argv[1:] == ["serve"]:
        from agi.process import main as serve

        return serve()
    from agi.watchdog import main as watch

    return watch()


sys.exit(main())
