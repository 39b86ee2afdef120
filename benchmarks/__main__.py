"""Runs the benchmarks named on the command line, or all, and prints one line for each figure."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks import decision, explanation, finetuning, grid, inside, pipeline, queries, trust
from benchmarks.measure import Figure

BENCHMARKS: Mapping[str, Callable[[Path], Iterator[Figure]]] = {
    "decision": decision.run,
    "explanation": explanation.run,
    "finetuning": finetuning.run,
    "grid": grid.run,
    "inside": inside.run,
    "pipeline": pipeline.run,
    "queries": queries.run,
    "trust": trust.run,
}


def main(names: list[str]) -> int:
    """Runs benchmarks; returns 2 for a name that is none."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"Unknown: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in names or BENCHMARKS:
        with tempfile.TemporaryDirectory() as folder:
            for figure in BENCHMARKS[name](Path(folder)):
                print(f"{name:12} {figure}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
