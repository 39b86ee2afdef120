"""How much of the disk something takes."""

import os
from collections.abc import Iterable
from pathlib import Path

from data.workspace import Workspace

__all__ = ["dataset_size", "folder_size"]


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder, links not followed; 0 where it is not there."""
    total = 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # it went away in between
    return total


def dataset_size(workspace: Workspace, dataset: str, runs: Iterable[str]) -> int:
    """Bytes of a dataset's folder and of those of the given runs."""
    return folder_size(workspace.dataset(dataset)) + sum(folder_size(workspace.run(run)) for run in runs)
