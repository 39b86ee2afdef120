"""Archives as sources: laid out as folders are, and read safely whatever they hold."""

import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from data.database import Database
from data.datasets import Added, DatasetStore
from data.errors import InvalidInput
from data.sources import archive, open_source
from data.workspace import Workspace

NAMES = ("train/cat/0.png", "train/dog/1.png", "valid/cat/deep/2.png", "test/3.png")


@pytest.fixture
def store(tmp_path: Path, database: Database) -> DatasetStore:
    return DatasetStore(Workspace.create(tmp_path / "workspace"), database)


def png(shade: int = 0) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 3), (shade, 0, 0)).save(content, "PNG")
    return content.getvalue()


def pictures(names: tuple[str, ...] = NAMES) -> dict[str, bytes]:
    return {name: png(shade) for shade, name in enumerate(names)}


def zipped(path: Path, members: Mapping[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return f"zip:{path}"


def tarred(path: Path, members: Mapping[str, bytes], mode: str = "w") -> str:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return f"tar:{path}"


def reasons(added: Added) -> dict[str, str]:
    return {one.path: one.reason for one in added.quarantined}


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_every_form_gives_the_same_dataset(store, tmp_path, form):
    path = tmp_path / f"a.{form}"
    members = {**pictures(), "readme.txt": b"no", "__MACOSX/train/._0.png": b"no", "train/.hidden.png": b"no"}
    source = open_source(
        zipped(path, members) if form == "zip" else tarred(path, members, "w:" + form.partition(".")[2])
    )
    assert (source.total, source.classes, source.name) == (4, ("cat", "dog"), f"{form[:3]}:{path}")
    assert [(item.sample_id, item.label, item.split) for item in source.items()] == [
        ("train/cat/0.png", "cat", "train"),
        ("train/dog/1.png", "dog", "train"),
        ("valid/cat/deep/2.png", "cat", "val"),
        ("test/3.png", None, "test"),
    ]
    added = store.add("pets", source)
    folder = tmp_path / "unpacked"
    for name, content in pictures().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert added.dataset.digest == store.add("same", open_source(f"imagefolder:{folder}")).dataset.digest
    path.unlink()
    assert len([file for file in (store.workspace.dataset("pets") / "files").rglob("*") if file.is_file()]) == 4


@pytest.mark.parametrize("form", ["tar", "tar.gz", "tar.xz"])
def test_an_archive_cut_between_two_members_is_taken_and_said(store, tmp_path, form):
    cut = pictures_cut_behind_the_second(tmp_path)
    packed = {"tar": cut, "tar.gz": gzip.compress(cut), "tar.xz": lzma.compress(cut)}
    (tmp_path / f"cut.{form}").write_bytes(packed[form])
    added = store.add("pets", open_source(f"tar:{tmp_path / f'cut.{form}'}"))
    assert added.dataset.samples == 2
    assert list(reasons(added)) == [f"cut.{form}"]
    assert "ends without the blocks that close it" in reasons(added)[f"cut.{form}"]


def test_an_archive_with_garbage_behind_a_member_is_said_too(store, tmp_path):
    (tmp_path / "bad.tar").write_bytes(pictures_cut_behind_the_second(tmp_path) + b"?" * 512 + bytes(1024))
    added = store.add("pets", open_source(f"tar:{tmp_path / 'bad.tar'}"))
    assert (added.dataset.samples, list(reasons(added))) == (2, ["bad.tar"])


def pictures_cut_behind_the_second(folder: Path) -> bytes:
    tarred(folder / "whole.tar", pictures())
    with tarfile.open(folder / "whole.tar") as file:
        third = file.getmembers()[2].offset
    return (folder / "whole.tar").read_bytes()[:third]


def test_one_folder_that_holds_everything_is_passed_over(tmp_path):
    wrapped = zipped(tmp_path / "a.zip", pictures(tuple(f"pets/{name}" for name in NAMES[:3])))
    first = next(open_source(wrapped).items())
    assert (first.sample_id, first.label, first.split) == (
        "pets/train/cat/0.png", "cat", "train"
    )  # fmt: skip
    one_class = zipped(tmp_path / "b.zip", pictures(("cat/0.png", "cat/1.png")))
    assert open_source(one_class).classes == ("cat",)


def test_nothing_leads_out_of_an_archive(store, tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    names = ("cat/0.png", "../secret.png", "/etc/secret.png", "cat/../../secret.png", "..\\secret.png")
    added = store.add("zipped", open_source(zipped(tmp_path / "a.zip", pictures(names))))
    assert added.dataset.samples == 1
    assert set(reasons(added).values()) == {"its path leads out of the archive"}
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(png())
            file.addfile(member, io.BytesIO(png()))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"cat/link{kind.decode()}.png")
            member.type, member.linkname = kind, str(tmp_path / "secret.png")
            file.addfile(member)
    added = store.add("tarred", open_source(f"tar:{tmp_path / 'a.tar'}"))
    assert added.dataset.samples == 1
    links = [path for path, reason in reasons(added).items() if reason == "a link or another special file"]
    assert links == ["cat/link2.png", "cat/link1.png", "cat/link6.png"]
    assert len(reasons(added)) == 6


def test_links_in_a_zip_and_names_that_occur_twice(store, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("cat/0.png", png(0))
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("cat/0.png", png(1))
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/hostname")
    added = store.add("pets", open_source(f"zip:{tmp_path / 'a.zip'}"))
    assert [(one.path, one.reason) for one in added.quarantined] == [
        ("cat/0.png", "its name occurs twice"),
        ("cat/link.png", "a link or another special file"),
    ]


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED", 10_000)
    members = {**pictures(), "zeros.bin": bytes(2_000_000)}
    for text in (zipped(tmp_path / "a.zip", members), tarred(tmp_path / "a.tar.gz", members, "w:gz")):
        with pytest.raises(InvalidInput, match="refused as a bomb"):
            open_source(text)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(InvalidInput, match="more than 3 members"):
        open_source(zipped(tmp_path / "b.zip", pictures()))


def test_a_huge_extended_header_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as file:
        member = tarfile.TarInfo("cat/0.png")
        member.pax_headers = {"comment": "x" * (2**20 + 1)}
        file.addfile(member)
    with pytest.raises(InvalidInput, match="extended header of 1,048,594 bytes"):
        open_source(f"tar:{tmp_path / 'a.tar.gz'}")


def test_a_member_that_lies_about_its_size_or_is_damaged_is_put_aside(store, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 500)
    source = zipped(tmp_path / "a.zip", {**pictures(), "cat/big.png": bytes(501)})
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[content.index(b"train/dog/1.png") + 20] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(content)
    found = reasons(store.add("pets", open_source(source)))
    assert found["cat/big.png"].startswith("the file is larger than")
    assert "damaged" in found["train/dog/1.png"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_what_is_no_archive_is_refused_in_one_line(tmp_path, kind):
    (tmp_path / "a.bin").write_bytes(b"no archive at all" * 100)
    whole = tmp_path / "whole.tar.gz"
    tarred(whole, pictures(), "w:gz")
    (tmp_path / "cut.tar.gz").write_bytes(whole.read_bytes()[:150])
    for place in ("", tmp_path / "none", tmp_path, tmp_path / "a.bin", tmp_path / "cut.tar.gz"):
        with pytest.raises(InvalidInput) as refusal:
            open_source(f"{kind}:{place}")
        assert "\n" not in str(refusal.value)
    empty = zipped(tmp_path / "e.zip", {"a.txt": b""}) if kind == "zip" else tarred(tmp_path / "e.tar", {"a.txt": b""})
    with pytest.raises(InvalidInput, match="no image found"):
        open_source(empty)
