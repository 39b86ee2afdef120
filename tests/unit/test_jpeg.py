"""The shorter way for plain JPEGs ends where Pillow's does, or is not taken."""

import io
from itertools import product

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from data import images
from data.errors import InvalidInput
from data.images import decode, decode_fast, probe
from data.jpeg import plain_jpeg, plain_size

PHOTOGRAPH = Image.fromarray(load_sample_image("flower.jpg"))
SIZES = [(1, 1), (1, 7), (5, 3), (8, 8), (17, 15), (32, 32), (33, 64), (129, 127), (320, 213)]


def encoded(size: tuple[int, int] = (40, 30), mode: str = "RGB", form: str = "JPEG", **options: object) -> bytes:
    content = io.BytesIO()
    PHOTOGRAPH.resize(size).convert(mode).save(content, form, **options)
    return content.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment right after its beginning."""
    whole = encoded()
    return whole[:2] + bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body + whole[2:]


def outcome(read: object, content: bytes) -> object:
    assert callable(read)
    try:
        return read(content)
    except InvalidInput as error:
        return str(error)


@pytest.mark.parametrize(("size", "quality"), list(product(SIZES, [20, 75, 95, 100])))
@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": "4:4:4"},
        {"subsampling": "4:2:2"},
        {"subsampling": "4:2:0"},
        {"subsampling": "4:2:0", "progressive": True},
        {"mode": "L"},
        {"mode": "L", "progressive": True},
        {"keep_rgb": True},
        {"restart_marker_rows": 1},
        {"icc_profile": b"of a screen" * 100, "comment": b"of a holiday"},
    ],
)
def test_plain_ones_have_the_pixels_that_pillow_gives(size, quality, options):
    content = encoded(size, quality=quality, **options)
    fast = decode_fast(content)
    assert isinstance(fast, np.ndarray)
    assert np.array_equal(fast, np.asarray(decode(content)))
    assert plain_size(content) == size == (probe(content).width, probe(content).height)


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize(
    "content",
    [
        encoded(mode="CMYK"),
        encoded(exif=exif(6)),
        encoded(xmp=b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'),
        encoded(form="MPO", save_all=True, append_images=[PHOTOGRAPH]),
        encoded(form="PNG"),
        encoded(form="WEBP"),
        segment(0xE2, b"MPF\0" + bytes(20)),
        segment(0xED, b"Photoshop 3.0\0" + bytes(20)),
        segment(0xE0, b"JFIF\0"),  # too short: Pillow refuses it
        segment(0xE2, b"ICC_PROFILE\0"),
        b"\xff\xd8" + encoded()[2:20],
        b"\xff\xd8\xff",
        b"",
    ],
)
def test_all_others_are_left_to_pillow(content):
    assert plain_size(content) is None
    assert plain_jpeg(content) is None


def test_a_turned_one_is_still_turned():
    content = encoded((40, 30), exif=exif(6))
    picture = decode_fast(content)
    assert isinstance(picture, Image.Image)
    assert picture.size == (30, 40) == (probe(content).width, probe(content).height)


def test_a_large_one_is_left_alone_before_memory_is_set_aside(monkeypatch):
    def decoded(*_: object, **__: object) -> None:
        raise RuntimeError("decoded")

    monkeypatch.setattr("simplejpeg.decode_jpeg", decoded)
    content = bytearray(encoded())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = (11_000).to_bytes(2, "big") * 2
    assert plain_jpeg(bytes(content)) is None
    for read in (decode_fast, probe):
        with pytest.raises(InvalidInput, match="pixels"):
            read(bytes(content))


@pytest.mark.filterwarnings("ignore::UserWarning")  # as data.images does, but pytest begins with its own list
def test_damaged_ones_come_out_or_are_refused_as_pillow_does():
    generator = np.random.default_rng(0)
    wholes = [encoded(), encoded(mode="L"), encoded(progressive=True), encoded(subsampling="4:4:4", quality=95)]
    ways = {"pixels": 0, "picture": 0, "refused": 0}
    for number in range(800):
        content = bytearray(wholes[number % len(wholes)])
        if number % 5 == 0:
            del content[int(generator.integers(len(content))) :]
        else:
            reach = generator.choice([160, 640, len(content)])
            for place in generator.integers(0, reach, 3):
                content[place % len(content)] = generator.choice([0, 255, int(generator.integers(256))])
        fast, slow = (outcome(read, bytes(content)) for read in (decode_fast, decode))
        if isinstance(slow, str):
            assert fast == slow
        else:
            assert np.array_equal(np.asarray(fast), np.asarray(slow))
        found, known = outcome(probe, bytes(content)), outcome(images._checked_size, bytes(content))
        assert ((found.width, found.height) if isinstance(found, images.Probe) else found) == known
        ways["pixels" if isinstance(fast, np.ndarray) else "refused" if isinstance(fast, str) else "picture"] += 1
    assert min(ways.values()) > 20  # each way was gone
