"""Reading images of every kind that people have, and refusing the rest with a reason."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from data.errors import InvalidInput
from data.images import MAX_BYTES, decode, probe, resolve


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_plain_pixels_come_back_unchanged():
    image = noise(7, 5)
    assert np.array_equal(np.asarray(decode(encoded(image))), np.asarray(image))


def test_transparency_is_laid_on_white():
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    assert [decode(encoded(image)).getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (10, 20, 30)]


def test_transparent_palette_colour_is_laid_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.putpixel((1, 0), 1)
    content = encoded(image, "PNG", transparency=0)
    assert [decode(content).getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (200, 100, 50)]


def test_grey_of_16_bits_is_scaled_not_cut():
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    decoded = np.asarray(decode(encoded(Image.fromarray(values))))
    assert decoded[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 255), (77, 77, 77)),
        ("LA", (0, 51), (204, 204, 204)),
        ("P", 3, (9, 10, 11)),
        ("RGBA", (0, 0, 255, 51), (204, 204, 255)),
        ("RGBX", (1, 2, 3, 0), (1, 2, 3)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("YCbCr", (76, 85, 255), (254, 0, 0)),
        ("LAB", (255, 128, 128), (255, 255, 255)),
        ("I;16", 32896, (128, 128, 128)),
        ("I", 128, (128, 128, 128)),
        ("I", 257, (1, 1, 1)),
        ("F", 0.5, (128, 128, 128)),
        ("F", 200.0, (200, 200, 200)),
    ],
)
def test_every_mode_becomes_rgb(mode, colour, expected):
    image = Image.new(mode, (9, 4), colour)
    if mode == "P":
        image.putpalette(list(range(30)))
    content = encoded(image, "TIFF")
    decoded = decode(content)
    assert decoded.mode == "RGB"
    assert decoded.getpixel((8, 3)) == pytest.approx(expected, abs=2 if mode == "LAB" else 0)
    assert (probe(content).width, probe(content).height) == (9, 4)


def test_cmyk_of_a_photo_editor_is_not_a_negative():
    content = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)  # kept inverted, says Adobe
    red, green, blue = np.asarray(decode(content))[8, 8]
    assert (red > 240, green < 15, blue < 15) == (True, True, True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 32767.5, 65535.0], [0, 128, 255]),
        ([-5.0, 0.0, 5.0], [0, 128, 255]),
        ([0.0, 1e6, 2e6], [0, 128, 255]),
        ([np.nan, 1.0, np.inf], [0, 255, 0]),
        ([-3.0, -3.0, -3.0], [0, 0, 0]),
    ],
)
def test_floating_point_finds_its_white(values, expected):
    content = encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF")
    assert np.asarray(decode(content))[0, :, 1].tolist() == expected


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_in_every_format(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.new("RGB", (48, 32), "black")
    image.paste("white", (0, 0, 24, 16))
    content = encoded(image, form, exif=exif)
    decoded = decode(content)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    assert np.array_equal(np.asarray(decoded), np.asarray(expected))
    assert decoded.size == (probe(content).width, probe(content).height)
    bright = np.asarray(decoded)[:, :, 0] > 128
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
    assert bright[corner[orientation]]
    assert 0.2 < bright.mean() < 0.3


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(content).getpixel((0, 0)) == (255, 0, 0)


def test_orientation_is_applied_and_probe_agrees():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: 90 degrees clockwise to show
    image = Image.new("RGB", (40, 20), "black")
    image.paste("white", (0, 0, 20, 20))
    content = encoded(image, "JPEG", exif=exif)
    decoded, found = decode(content), probe(content)
    assert decoded.size == (found.width, found.height) == (20, 40)
    pixels = np.asarray(decoded)
    assert pixels[5, 10, 0] > 200 > 50 > pixels[35, 10, 0]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # as data.images does, but pytest begins with its own list
def test_broken_exif_costs_the_orientation_only():
    content = encoded(Image.new("RGB", (8, 8)), "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01")
    assert decode(content).size == (8, 8)


@pytest.mark.parametrize(("form", "keep"), [("JPEG", 0.5), ("PNG", 0.5), ("WEBP", 0.5), ("BMP", 0.5), ("JPEG", 0.95)])
def test_truncated_files_are_found(form, keep):
    content = encoded(noise(64, 64), form)
    cut = content[: int(len(content) * keep)]
    for read in (decode, probe):
        with pytest.raises(InvalidInput) as refusal:
            read(cut)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"hello, I am text", "known format"), (b"%!PS-Adobe-3.0 EPSF-3.0\n", "known format")],
)
def test_other_files_are_refused(content, reason):
    with pytest.raises(InvalidInput, match=reason):
        decode(content)


def test_a_bomb_is_refused_before_it_is_decoded():
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 11_000, 11_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    for read in (decode, probe):
        with pytest.raises(InvalidInput, match="pixels"):
            read(bomb)


def test_files_that_are_too_large_or_missing_are_refused(tmp_path):
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InvalidInput, match="64 MiB"):
        probe(huge)
    with pytest.raises(InvalidInput, match="No such file"):
        decode(tmp_path / "none.png")
    os.mkfifo(tmp_path / "pipe.png")  # nobody ever writes to it
    with pytest.raises(InvalidInput, match="not a regular file"):
        probe(tmp_path / "pipe.png")


def test_reduced_decoding_keeps_enough_pixels():
    content = encoded(noise(400, 300), "JPEG")
    assert decode(content).size == (400, 300)
    assert decode(content, at_least=64).size == (100, 75)


def test_resolve():
    assert resolve(Path("/w/d"), "files/a.png") == Path("/w/d/files/a.png")
    assert resolve(Path("/w/d"), "/photos/a.png") == Path("/photos/a.png")
