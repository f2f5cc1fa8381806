"""A small disk of its own for one instance: a tmpfs in a mount namespace that ends with its test.

Tests that need one stand in a module that pytest does not find by itself; `in_a_namespace` has it
run by a pytest of its own inside the namespace. So nothing is left behind, however it ends, and
nobody but root or whoever may have a user namespace needs any right.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from callcenter.setup.deployment import REPOSITORY

_BLOCK = 64 * 1024


def in_a_namespace(module: Path) -> None:
    """Run the tests of `module` where they may mount; skip, with the reason, where nobody may."""
    flags = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    probe = subprocess.run(
        ["unshare", *flags, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode:
        pytest.skip(f"no disk of its own can be mounted here: {probe.stderr.strip()}")
    done = subprocess.run(
        ["unshare", *flags, sys.executable, "-m", "pytest", "-p", "no:xdist", "-q", str(module)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, f"see above; alone: unshare {' '.join(flags)} pytest {module}"


class SmallDisk:
    """A tmpfs of `mib`, mounted on `folder` for this namespace alone."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.folder = folder
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)], check=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # Lazily: whatever still has a file open there keeps it.
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    @property
    def _filler(self) -> Path:
        return self.folder / "somebody-else"

    @property
    def free(self) -> int:
        """Bytes that may be written."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self) -> None:
        """Somebody else takes all there is, to the last block."""
        for size in (_BLOCK, 512):
            with self._filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass

    def clear(self) -> None:
        """And gives it back."""
        self._filler.unlink(missing_ok=True)
