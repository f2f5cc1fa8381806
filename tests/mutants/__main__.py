"""Change the domains line by line and count what their unit tests notice.

    make mutants                                    every context
    make mutants MUTANTS=workforce                  one
    make mutants MUTANTS="people --survivors"       try again only what was not noticed
    make mutants MUTANTS="people --one-in 4"        a quarter of the changes, always the same ones
    make mutants MUTANTS="people --show"            what the last run found, without a new one

Ends with 1 when fewer than `LEAST` percent of one context are noticed, or when docs/mutants.md
explains what there is no more.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.mutants import found, tree

LEAST = 95.0
PLACE = tree.REPOSITORY / "build" / "mutants"


def try_all(context: str, place: Path, workers: int, one_in: int, *, survivors: bool) -> None:
    """Run mutmut over one context; what it says goes to a file beside the copy."""
    if survivors:
        found.forget_survivors(place, tree.domain_of(context))
    else:
        tree.anew(place)
    tree.bring_up(context, place)
    environment = {
        **os.environ,
        "MUTANTS_ONE_IN": str(one_in),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TEST_PROFILE": "mutants",
    }
    environment.pop("PYTHONPATH", None)
    mutmut = tree.REPOSITORY / "tests" / "mutants" / "run.py"
    with (place / "mutmut.log").open("w") as log:
        ended = subprocess.run(
            [sys.executable, mutmut, "run", "--max-children", str(workers)],
            cwd=place,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode != 0:
        raise SystemExit(f"mutmut did not run: see {place / 'mutmut.log'}")


def told(context: str, place: Path, explained: list[found.Explanation]) -> bool:
    """Print one context's figures and its survivors; whether they are good enough."""
    tried = found.names_of(place, tree.domain_of(context)).values()
    mutants = list(found.mutants_of(place, tree.domain_of(context)))
    noticed = [one for one in mutants if one.noticed]
    left = [one for one in mutants if not one.noticed and not found.is_wording(one)]
    worded = len(mutants) - len(noticed) - len(left)
    unexplained = [one for one in left if not any(why.is_of(one) for why in explained)]
    counted = len(noticed) + len(unexplained)
    share = 100 * len(noticed) / counted if counted else 100.0
    for one in unexplained:
        print(f"{one.name}\n    {one.function}\n    - {one.was}\n    + {one.becomes}")
    stale = [
        why
        for why in explained
        if all(tried)
        and why.function.startswith(f"{context}.")
        and not any(why.is_of(one) for one in left)
    ]
    for why in stale:
        print(f"explained, but there is none or it is noticed: {why.function}: {why.was}")
    print(
        f"{context}: {sum(tried)} of {len(tried)} changes tried, {len(noticed)} noticed,"
        f" {worded} of wording, {len(left) - len(unexplained)} explained,"
        f" {len(unexplained)} not noticed: {share:.1f} %"
    )
    return share >= LEAST and not stale


def main() -> int:
    """Try the contexts one after the other; 1 if one is below `LEAST`."""
    parser = argparse.ArgumentParser(
        prog="make mutants", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("contexts", nargs="*", metavar="context", choices=[*tree.CONTEXTS, []])
    parser.add_argument("--survivors", action="store_true", help="only what was not noticed")
    parser.add_argument("--show", action="store_true", help="only what the last run found")
    parser.add_argument("--one-in", type=int, default=1, help="leave out all others")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    explained = found.explanations(found.EXPLAINED.read_text(encoding="utf-8"))
    good = True
    for context in options.contexts or tree.CONTEXTS:
        place = PLACE / context
        if not options.show:
            try_all(context, place, options.workers, options.one_in, survivors=options.survivors)
        good = told(context, place, explained) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
