"""Archives: `zip:FILE` and `tar:FILE`, the latter compressed or not, laid out as an image folder is.

An archive comes from somebody else, so nothing in it is trusted: nothing is ever unpacked to the path that it names,
links are not followed, and what it claims to hold is bounded before it is read.
"""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from tarfile import EOFHeaderError, ReadError, TruncatedHeaderError  # type: ignore[attr-defined]
from typing import BinaryIO

from data.errors import InvalidInput
from data.images import MAX_BYTES, SUFFIXES
from data.sources.layout import Layout
from data.sources.places import Place, leads_out
from data.sources.protocol import Item, MetadataValue

__all__ = ["ArchiveSource", "open_tar", "open_zip"]

MAX_MEMBERS = 5_000_000
MAX_FACTOR = 20  # images hardly shrink when they are packed; a bomb grows a thousandfold
_CUT = "the archive ends without the blocks that close it, perhaps cut: images behind this point are missing"
ALWAYS_ALLOWED = 4 * 2**30  # bytes that any archive may hold unpacked
_Read = tuple[str, bytes | Callable[[], bytes]]
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Member:
    """An image in an archive, with the reason why it is not read, or None."""

    name: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """The images of an archive; the workspace keeps their bytes.

    Attributes:
        members: In the archive's order.
        read: Yields each member that has no problem, with its bytes or with what fetches them, in the same order.
    """

    name: str
    members: tuple[Member, ...]
    layout: Layout
    classes: tuple[str, ...]
    read: Callable[[], Iterator[_Read]]
    has_masks: bool = False
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        name: str,
        members: Sequence[Member],
        read: Callable[[], Iterator[_Read]],
    ) -> "ArchiveSource":
        """Reads labels and splits from the members' paths.

        Raises:
            InvalidInput: No member is an image that may be read.
        """
        names = [member.name for member in members if member.problem is None]
        if not names:
            refused = f" ({len(members)} were refused: {members[0].name}: {members[0].problem})" if members else ""
            raise InvalidInput(f"no image found in {name}{refused}; expected images in it or in folders, one a class")
        layout = Layout.of(names, wrapped=True)
        return cls(name, tuple(members), layout, layout.classes(names), read)

    @property
    def total(self) -> int:
        return len(self.members)

    def items(self) -> Iterator[Item]:
        """The images in the archive's order, then what was refused."""
        for name, given in self.read():
            label, split = self.layout.label(name), self.layout.split(name)
            if isinstance(given, bytes):
                yield Item(name, label, split, content=given)
            else:
                yield Item(name, label, split, reader=given)
        for member in self.members:
            if member.problem is not None:
                yield Item(member.name, None, None, problem=member.problem)


@dataclass(slots=True)
class _Inventory:
    """Lists an archive's images while it watches the bounds."""

    name: str
    packed: int
    members: list[Member] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    count: int = 0
    unpacked: int = 0

    def add(self, name: str, size: int, problem: str | None) -> bool:
        """Takes a member, and says whether it is to be read.

        Raises:
            InvalidInput: There are too many members, or they are too large together.
        """
        self.count += 1
        self.unpacked += size
        if self.count > MAX_MEMBERS:
            raise InvalidInput(f"{self.name} has more than {MAX_MEMBERS:,} members; divide it")
        if self.unpacked > max(ALWAYS_ALLOWED, self.packed * MAX_FACTOR):
            raise InvalidInput(
                f"{self.name} is refused as a bomb: unpacked it has more than {MAX_FACTOR} times {self.packed:,} bytes"
            )
        path = PurePosixPath(name)
        if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") and part != ".." for part in path.parts):
            return False
        shown = path.as_posix().encode("utf-8", "replace").decode()
        problem = problem or self._problem(shown, name, size)
        self.seen.add(shown)
        self.members.append(Member(shown, problem))
        return problem is None

    def _problem(self, shown: str, name: str, size: int) -> str | None:
        if leads_out(name) or "\\" in name or "\0" in name:
            return "its path leads out of the archive"
        if size > MAX_BYTES:
            return f"the file is larger than {MAX_BYTES // 2**20} MiB"
        return "its name occurs twice" if shown in self.seen else None


def open_zip(where: str) -> ArchiveSource:
    """Opens `zip:FILE`, a path or URL; only the list of members is read.

    Raises:
        InvalidInput: There is no such file, it is no ZIP archive, it is a bomb, or it has no image.
    """
    place = _place("zip", where)
    name = f"zip:{place.name}"
    inventory = _Inventory(name, place.size())
    with place.open() as file, _unbroken(name), zipfile.ZipFile(file) as archive:
        wanted = [
            (inventory.members[-1].name, member)
            for member in archive.infolist()
            if not member.is_dir() and inventory.add(member.filename, member.file_size, _zip_problem(member))
        ]
    return ArchiveSource.of(name, inventory.members, partial(_read_zip, place, wanted))


def _zip_problem(member: zipfile.ZipInfo) -> str | None:
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) and not stat.S_ISREG(mode):
        return "a link or another special file"
    return "is encrypted" if member.flag_bits & 1 else None


def _read_zip(place: Place, wanted: Sequence[tuple[str, zipfile.ZipInfo]]) -> Iterator[_Read]:
    place.size()  # refuses what is no file any more
    with _unbroken(f"zip:{place.name}"):
        # Not closed here: it stays open for as long as somebody holds a reader, and closes itself then.
        archive = zipfile.ZipFile(place.path or place.filesystem.open(place.remote, "rb"))
    for name, member in wanted:
        yield name, partial(_zip_bytes, archive, member)


def _zip_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
            return file.read(MAX_BYTES + 1)
    except (*_BROKEN, ValueError) as error:
        raise InvalidInput(f"damaged in its archive: {' '.join(str(error).split())}") from error


def open_tar(where: str) -> ArchiveSource:
    """Opens `tar:FILE`, a path or URL, perhaps compressed (gzip, bzip2, xz); it is read once for its list of members.

    Raises:
        InvalidInput: There is no such file, it is no tar archive, it is a bomb, or it has no image.
    """
    place = _place("tar", where)
    name = f"tar:{place.name}"
    inventory = _Inventory(name, place.size())
    wanted: dict[int, tuple[str, int]] = {}
    with place.open() as file:
        plain = file.read(262)[257:] == b"ustar"
        file.seek(0)
        with _tar(name, file) as (archive, members):
            for member in members:
                if not member.isdir() and inventory.add(member.name, member.size, _tar_problem(member)):
                    wanted[member.offset_data] = (inventory.members[-1].name, member.size)
            if not archive.whole and inventory.members:
                # What is there is good, and some programs never close what they write: said, and not refused.
                inventory.members.append(Member(PurePosixPath(place.name).name, _CUT))
    return ArchiveSource.of(name, inventory.members, partial(_read_tar if plain else _stream_tar, place, wanted))


_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MAX_EXTENDED = 2**20


class _Tar(tarfile.TarFile):
    """An archive that knows, once it is read, whether it was closed.

    Attributes:
        whole: Whether its end, a block of zeros, was come to. Python takes it for the end of an archive too when there
            is nothing more, or nothing that it understands.
    """

    whole = False


class _BoundedHeader(tarfile.TarInfo):
    """A member's header, read with care.

    Extended headers are read whole, so one of a size that only a bomb has is refused; and an archive that ends in the
    middle of a header was cut, which Python takes for its end.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_BoundedHeader":
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENDED and header.size > _MAX_EXTENDED:
            raise InvalidInput(f"an archive with an extended header of {header.size:,} bytes is refused as a bomb")
        return header

    @classmethod
    def fromtarfile(cls, tarfile: "_Tar") -> "_BoundedHeader":  # type: ignore[override]
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            tarfile.whole = True
            raise
        except TruncatedHeaderError as error:
            raise ReadError("it ends in the middle") from error


@contextmanager
def _tar(name: str, file: BinaryIO) -> Iterator[tuple[_Tar, Iterator[tarfile.TarInfo]]]:
    """The archive and its members in order, each to be read before the next one is asked for."""
    with _unbroken(name), _Tar.open(fileobj=file, mode="r|*", tarinfo=_BoundedHeader) as archive:

        def members() -> Iterator[tarfile.TarInfo]:
            while (member := archive.next()) is not None:
                yield member
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep every one of them

        yield archive, members()


def _tar_problem(member: tarfile.TarInfo) -> str | None:
    return None if member.isreg() and not member.issparse() else "a link or another special file"


def _read_tar(place: Place, wanted: Mapping[int, tuple[str, int]]) -> Iterator[_Read]:
    """Of an archive that is not compressed: each member lies somewhere in the file."""
    for start, (name, size) in wanted.items():
        yield name, partial(place.read, start, start + size)


def _stream_tar(place: Place, wanted: Mapping[int, tuple[str, int]]) -> Iterator[_Read]:
    """Of a compressed archive, which can only be read from its beginning to its end."""
    with place.open() as file, _tar(f"tar:{place.name}", file) as (archive, members):
        for member in members:
            if member.offset_data in wanted and (opened := archive.extractfile(member)) is not None:
                yield wanted[member.offset_data][0], opened.read()


@contextmanager
def _unbroken(name: str) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        line = " ".join(str(error).split())
        raise InvalidInput(f"{name} is not an archive that can be read: {line}") from error


def _place(kind: str, where: str) -> Place:
    if not where:
        raise InvalidInput(f"source '{kind}:' lacks its file; write {kind}:FILE")
    return Place.parse(where)
