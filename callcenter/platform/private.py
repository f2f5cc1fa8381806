"""What we write is ours alone: the umask of every program, and the mode of the home.

In the home are the citizens' words and numbers, SIP passwords in clear (the PBX needs them), and
what the journal tells of every call. Nothing of it is anybody else's on the machine. Both hold by
themselves: who comes past the home's mode meets the files', and a file that some library made with
a mode of its own stands behind the home's.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

UMASK = 0o077
HOME_MODE = 0o700


def keep_private() -> None:
    """From here on, what this program and those it starts make is read by this user alone.

    The first thing that each program of ours does: supervisord applies its ``umask`` setting only
    when it goes into the background (supervisor/options.py, daemonize), and the PBX has none.
    """
    os.umask(UMASK)


def make_home(home: Path) -> None:
    """Have the folder `home` with mode 700, whoever made it; `OSError` if that cannot be."""
    home.mkdir(mode=HOME_MODE, parents=True, exist_ok=True)
    if stat.S_IMODE(home.stat().st_mode) != HOME_MODE:
        home.chmod(HOME_MODE)
