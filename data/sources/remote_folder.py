"""An image folder behind a URL, `imagefolder:s3://bucket/prefix` for instance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from data.errors import InvalidInput
from data.images import MAX_BYTES, SUFFIXES
from data.sources.layout import Layout
from data.sources.places import Place
from data.sources.protocol import Item, MetadataValue

__all__ = ["RemoteFolderSource"]


@dataclass(frozen=True, slots=True)
class RemoteFolderSource:
    """Laid out as a folder on this machine is; the bytes are fetched while it is added, and the workspace keeps them.

    Attributes:
        files: Paths below `place`, sorted.
        problems: The paths that are not fetched, and why.
    """

    place: Place
    files: tuple[str, ...]
    problems: Mapping[str, str]
    layout: Layout
    classes: tuple[str, ...]
    has_masks: bool = False
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=dict)

    @classmethod
    def open(cls, url: str) -> "RemoteFolderSource":
        """Lists what lies below the URL; nothing is fetched.

        Raises:
            InvalidInput: The place does not exist, may not be read or does not answer, or no image is there.
        """
        place = Place.parse(url)
        files: list[str] = []
        problems: dict[str, str] = {}
        for name, size in place.files():
            path = PurePosixPath(name)
            if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in path.parts):
                continue
            if size > MAX_BYTES:
                problems[name] = f"the file is larger than {MAX_BYTES // 2**20} MiB"
            else:
                files.append(name)
        if not files:
            raise InvalidInput(f"no image found in {place.name}; expected images below it or in folders, one a class")
        layout = Layout.of(files)
        return cls(place, tuple(files), problems, layout, layout.classes(files))

    @property
    def name(self) -> str:
        return f"imagefolder:{self.place.name}"

    @property
    def total(self) -> int:
        return len(self.files) + len(self.problems)

    def items(self) -> Iterator[Item]:
        """The images sorted by path, then what was refused."""
        for name in self.files:
            yield Item(name, self.layout.label(name), self.layout.split(name), reader=self.place.child(name).read)
        for name, problem in sorted(self.problems.items()):
            yield Item(name, None, None, problem=problem)
