"""A folder of images as people keep them: one folder a class, and perhaps one folder a split above the classes."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import InvalidInput
from data.images import SUFFIXES
from data.sources.layout import Layout
from data.sources.places import real
from data.sources.protocol import Item, MetadataValue

__all__ = ["ImageFolderSource"]


@dataclass(frozen=True, slots=True)
class ImageFolderSource:
    """`DIR/<class>/**/<file>`, or `DIR/<split>/<class>/**/<file>` where every folder in DIR is named as a split.

    Files directly under DIR or a split have no label, so a plain folder of images is a dataset without labels. Files
    with other suffixes than images have, and hidden ones, are passed over. A link is followed if what it points at
    lies inside of DIR; any other link to an image or a folder is quarantined, so that a dataset never reaches out of
    the folder that its owner named.

    Attributes:
        root: DIR, absolute, links resolved.
        files: Paths relative to `root`, sorted.
        problems: The relative paths that are not read, and why.
    """

    root: Path
    files: tuple[str, ...]
    problems: Mapping[str, str]
    layout: Layout
    classes: tuple[str, ...]
    has_masks: bool = False
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=dict)

    @classmethod
    def open(cls, where: str) -> "ImageFolderSource":
        """Lists the folder; no image is opened.

        Raises:
            InvalidInput: Not a folder, or no image in it.
        """
        if not where:
            raise InvalidInput("source 'imagefolder:' lacks its folder; write imagefolder:PATH")
        root = Path(where).expanduser().resolve()
        if not root.is_dir():
            raise InvalidInput(f"source 'imagefolder:{where}' is not a folder; give the folder that holds the classes")
        files: list[str] = []
        problems: dict[str, str] = {}
        for name, problem in _walk(root):
            if problem is None:
                files.append(name)
            else:
                problems[name] = problem
        if not files:
            found = f" ({len(problems)} were refused: {next(iter(problems.values()))})" if problems else ""
            raise InvalidInput(f"no image found in {root}{found}; expected images in it or in folders, one a class")
        files.sort()
        layout = Layout.of(files)
        return cls(root, tuple(files), problems, layout, layout.classes(files))

    @property
    def name(self) -> str:
        return f"imagefolder:{self.root}"

    @property
    def total(self) -> int:
        return len(self.files) + len(self.problems)

    def items(self) -> Iterator[Item]:
        """The images sorted by path, then what was refused."""
        for name in self.files:
            yield Item(name, self.layout.label(name), self.layout.split(name), path=self.root / name)
        for name, problem in sorted(self.problems.items()):
            yield Item(name, None, None, problem=problem)


def _walk(root: Path) -> Iterator[tuple[str, str | None]]:
    """Every image below `root` with the reason why it may not be read, or None."""
    # Folders as they are named, each with the real ones that lead to it.
    waiting: list[tuple[Path, tuple[Path, ...]]] = [(root, (root,))]
    while waiting:
        folder, above = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            yield _readable(folder.relative_to(root).as_posix()), f"cannot be listed: {error.strerror}"
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = Path(entry.path)
            name = path.relative_to(root).as_posix()
            if path.is_dir() if entry.is_symlink() else entry.is_dir():
                target = real(path) if entry.is_symlink() else above[-1] / entry.name
                if not target.is_relative_to(root):
                    yield _readable(name), "a link to a folder outside; copy it, or add it as a dataset of its own"
                elif target in above:
                    yield _readable(name), "leads back to a folder that holds it"
                else:
                    waiting.append((path, (*above, target)))
            elif path.suffix.lower() in SUFFIXES:
                yield _readable(name), _refusal(root, path, entry)


def _refusal(root: Path, path: Path, entry: os.DirEntry[str]) -> str | None:
    if _readable(entry.path) != entry.path:
        return "its name is not valid UTF-8; rename it"
    if entry.is_symlink():
        target = real(path)
        if not target.is_relative_to(root):
            return "a link that leads out of the folder"
        return None if target.is_file() else "a link that leads nowhere"
    return None if entry.is_file(follow_symlinks=False) else "not a regular file"


def _readable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
