from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin
from PIL.PngImagePlugin import PngInfo

from ecosorter.errors import PhotoTooManyPixels, StoreError
from ecosorter.photos import Limits
from ecosorter.serving.store.photos import LONGER_SIDE, PhotoStore, address, plain_jpeg
from tests.serving.store.said import files
from tests.tiny import encoded, photo

MARK = b"Jalan Mawar 7"


def told_all() -> Iterator[tuple[str, bytes]]:
    """Yield photos that say where they were taken, in every place where a file can say it."""
    image = Image.new("RGB", (40, 30), "red")
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = MARK.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = MARK
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + MARK
    yield "jpeg", encoded(image, "JPEG", exif=exif, comment=MARK, xmp=b"<x>" + MARK + b"</x>", icc_profile=profile)
    yield "tail", encoded(image, "JPEG") + b"PK\x03\x04" + MARK
    notes = PngInfo()
    notes.add_text("Comment", MARK.decode())
    yield "png", encoded(image, "PNG", pnginfo=notes, exif=exif, icc_profile=profile)
    yield "webp", encoded(image, "WEBP", exif=exif, xmp=MARK, icc_profile=profile)
    yield "heif", encoded(image, "HEIF", exif=exif.tobytes(), xmp=MARK)


@pytest.mark.parametrize(("kind", "sent"), list(told_all()), ids=[kind for kind, _ in told_all()])
def test_only_the_picture_is_left(kind: str, sent: bytes) -> None:
    assert MARK in sent
    jpeg = plain_jpeg(sent, Limits())
    assert MARK not in jpeg
    with JpegImagePlugin.JpegImageFile(BytesIO(jpeg)) as image:
        assert [name for name, _ in image.applist] == ["APP0"]  # JFIF's header
        assert image.size == (40, 30)
        assert jpeg.endswith(b"\xff\xd9")


def test_the_picture_is_upright_and_not_too_large() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    wide = Image.new("RGB", (4000, 1000), "red")
    with Image.open(BytesIO(plain_jpeg(encoded(wide, "JPEG", exif=exif), Limits()))) as image:
        assert image.size == (LONGER_SIDE // 4, LONGER_SIDE)
    with pytest.raises(PhotoTooManyPixels):
        plain_jpeg(encoded(wide, "PNG"), Limits(max_pixels=3_999_999))


def test_the_same_picture_has_the_same_address() -> None:
    first, second = (plain_jpeg(photo(kind="PNG"), Limits()) for _ in range(2))
    assert address(first) == address(second)
    assert address(first) != address(plain_jpeg(photo((9, 9, 9)), Limits()))


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_photos_are_put_got_and_deleted(kind: str, tmp_path: Path) -> None:
    photos = PhotoStore(str(tmp_path / "a/b") if kind == "folder" else f"memory://{uuid4()}/b")
    assert photos.answers()
    assert photos.get("ab" * 32) is None
    photos.delete("ab" * 32)
    for _ in range(2):
        photos.put("ab" * 32, b"jpeg")
        assert photos.get("ab" * 32) == b"jpeg"
    photos.delete("ab" * 32)
    assert photos.get("ab" * 32) is None
    assert files(tmp_path) == set()


def test_what_a_kill_has_left_of_a_photo_is_overwritten_or_deleted(tmp_path: Path) -> None:
    photos = PhotoStore(str(tmp_path))
    partial = tmp_path / "ab" / f".{'ab' * 25}.0a1b2c3d.part.jpg"
    partial.parent.mkdir()
    partial.write_bytes(b"jp")
    photos.put("ab" * 32, b"jpeg")
    assert files(tmp_path) == {f"{'ab' * 32}.jpg"}
    partial.write_bytes(b"jp")
    photos.delete("ab" * 32)
    assert files(tmp_path) == set()


def test_a_place_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for place in (str(tmp_path / "file"), str(tmp_path / "file/below"), "nonsense://bucket"):
        with pytest.raises(StoreError, match="photos' place"):
            PhotoStore(place)


def test_a_place_that_is_gone_says_so(tmp_path: Path) -> None:
    photos = PhotoStore(str(tmp_path / "photos"))
    (tmp_path / "photos").rmdir()
    assert not photos.answers()
    (tmp_path / "photos").write_text("a file in its place")
    with pytest.raises(StoreError, match="does not answer"):
        photos.put("ab" * 32, b"jpeg")
