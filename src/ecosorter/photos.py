"""Open photos: whatever people's phones and downloads hold, as upright RGB or a typed error."""

import os
import stat
import sys
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ecosorter.errors import (
    PhotoCorrupt,
    PhotoEmpty,
    PhotoError,
    PhotoIsFolder,
    PhotoIsHtml,
    PhotoIsText,
    PhotoMislabelled,
    PhotoMissing,
    PhotoTooManyBytes,
    PhotoTooManyPixels,
    PhotoTruncated,
    PhotoUnreadable,
    PhotoUnsupported,
)
from ecosorter.files import address_in
from ecosorter.jpeg import decode_jpeg, plain_jpeg
from ecosorter.png import plain_png
from ecosorter.sniff import (
    PhotoFormat,
    ends_early,
    is_empty_archive,
    is_html,
    is_text,
    other_kind,
    other_picture,
    photo_format,
    rare_kind,
)

Source = str | os.PathLike[str] | bytes
"""A photo: the path of a file, or the file's bytes."""

HEIC_HELP = "pip install 'ecosorter[heic]'"
"""What to do where HEIC is not read, as it stands in the error's message."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What Pillow would take an orientation from that no browser looks at.
_NO_ORIENTATION = ("xmp", "XML:com.adobe.xmp", "Raw profile type exif")

_DECODERS: dict[PhotoFormat, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps that a photo must keep before it is decoded: the file's bytes, and width x height in pixels."""

    max_bytes: int = 25_000_000
    max_pixels: int = 50_000_000


_DEFAULT = Limits()


def ignore_pillow_warnings() -> None:
    """Keep Pillow's warnings of oddities inside photos from a process's output; what matters of them is a status.

    For a program's start: Python's filters are those of the whole process.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")


def load_photo(path: str | os.PathLike[str], limits: Limits = _DEFAULT) -> bytes:
    """Return the bytes of a file, if it can be a photo at all.

    Args:
        path: a regular file; a pipe or a device is refused, since reading it may never end.
        limits: only `max_bytes` counts here; a larger file is not read.

    Raises:
        PhotoMissing, PhotoIsFolder, PhotoUnreadable, PhotoTooManyBytes, PhotoEmpty: see errors.py.
    """
    name = os.fspath(path)
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoIsFolder(f"{name} is a folder; give the photos in it.")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoUnreadable(f"{name} is a pipe or a device, not a file; give a file.")
        if status.st_size > limits.max_bytes:
            raise _too_many_bytes(name, status.st_size, limits)
        with Path(path).open("rb") as file:
            data = file.read(min(limits.max_bytes, sys.maxsize - 1) + 1)  # it may have grown
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in the name
        if address := address_in(name):
            raise PhotoMissing(f"{address} is an address; download the photo and give the path of the file.") from error
        raise PhotoMissing(f"There is no file {name}; check the path.") from error
    except OSError as error:
        raise PhotoUnreadable(
            f"{name} cannot be read ({error.strerror or error}); check its permissions and the disk."
        ) from error
    _check_bytes(data, name, limits)
    return data


def open_photo(source: Source, *, limits: Limits = _DEFAULT, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Return a photo as an upright RGB image, whatever format and colour mode it came in.

    The first frame is taken; the orientation that the camera noted is applied; what is transparent shows white;
    16 bits a channel become 8 by keeping the high byte. Colour profiles are not applied, as in the training of
    every common backbone. The content decides on the format: a PNG named .jpg is read as what it is.

    Args:
        source: a path, or a file's bytes.
        limits: caps, checked before decoding.
        at_least: (width, height) that the caller needs of the upright photo. A JPEG may then be decoded at
            1/2, 1/4 or 1/8 of its size (libjpeg's DCT scaling, sides rounded up), not below this; other formats
            are decoded whole.

    Returns:
        Mode ``RGB``, 8 bits a channel, decoded.

    Raises:
        PhotoError: the subclass says why; no other exception comes from bad content.
    """
    if isinstance(source, bytes):
        data, name = source, "The photo"
        _check_bytes(data, name, limits)
    else:
        data, name = load_photo(source, limits), os.fspath(source)
    kind = photo_format(data)
    if kind is None:
        raise _not_a_photo(data, name)
    try:
        return _decode(data, kind, name, limits, at_least)
    except PhotoError:
        raise
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoTooManyPixels(f"{name} needs too much memory ({error}); make it smaller.") from error
    except Exception as error:  # a decoder fed with broken bytes may raise anything
        if not ends_early(data, kind) and (rare := rare_kind(data, kind, str(error))):
            raise PhotoUnsupported(f"{name} is {rare}, which is not read here; save it as JPEG.") from error
        advice = f"({kind}: {error}); copy or download it again."
        if ends_early(data, kind) or isinstance(error, EOFError) or "truncated" in str(error).lower():
            raise PhotoTruncated(f"{name} ends too early {advice}") from error
        raise PhotoCorrupt(f"{name} is damaged {advice}") from error


def _check_bytes(data: bytes, name: str, limits: Limits) -> None:
    if not data:
        raise PhotoEmpty(f"{name} is empty (0 bytes); copy or download it again.")
    if len(data) > limits.max_bytes:
        raise _too_many_bytes(name, len(data), limits)


def _too_many_bytes(name: str, size: int, limits: Limits) -> PhotoTooManyBytes:
    return PhotoTooManyBytes(
        f"{name} has {size / 1e6:.1f} MB, and the cap is {limits.max_bytes / 1e6:g} MB; "
        "make it smaller or raise the cap."
    )


def _not_a_photo(data: bytes, name: str) -> PhotoError:
    """Return the error for bytes with no photo format's signature."""
    formats = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP and TIFF can be read"
    if is_empty_archive(data):
        return PhotoEmpty(f"{name} is a ZIP archive with nothing in it; copy or download it again.")
    if picture := other_picture(data):
        return PhotoUnsupported(f"{name} is {picture}; {formats}: save it as one of them.")
    if kind := other_kind(data):
        return PhotoMislabelled(f"{name} is {kind}, not a photo; {formats}.")
    if is_html(data):
        return PhotoIsHtml(f"{name} is a web page, not a photo; download the photo itself.")
    if is_text(data):
        return PhotoIsText(f"{name} is text, not a photo; {formats}.")
    return PhotoUnsupported(f"{name} has no format that is known here; {formats}.")


def _decode(data: bytes, kind: PhotoFormat, name: str, limits: Limits, at_least: tuple[int, int] | None) -> Image.Image:
    data = plain_jpeg(data) if kind == "JPEG" else plain_png(data) if kind == "PNG" else data
    image = _parse(data, kind, name)
    pixels = image.width * image.height
    if pixels > limits.max_pixels:
        raise PhotoTooManyPixels(
            f"{name} has {pixels / 1e6:.1f} megapixels ({image.width} x {image.height}), and the cap is "
            f"{limits.max_pixels / 1e6:g}; make it smaller or raise the cap."
        )
    if kind == "JPEG" and at_least is not None:
        width, height = at_least
        image.draft(None, (height, width) if _orientation(image) >= 5 else (width, height))
    rgb = _to_rgb(_pixels(image, data, kind))
    turn = _UPRIGHT.get(_orientation(image))  # asked for now: a TIFF is turned while it is decoded
    return rgb if turn is None else rgb.transpose(turn)


def _pixels(image: ImageFile.ImageFile, data: bytes, kind: PhotoFormat) -> Image.Image:
    """Decode what `_parse` has read the header of."""
    if kind == "JPEG" and (decoded := decode_jpeg(data, image.mode, image.size)):
        return decoded
    image.load()
    return image


def _parse(data: bytes, kind: PhotoFormat, name: str) -> ImageFile.ImageFile:
    """Read the header with the one decoder that belongs to the format.

    `PIL.Image.open` is not used: its cap on pixels is one for the whole process and could not be raised by
    `Limits`, and it hides why a header cannot be read.
    """
    if kind == "HEIF":
        try:
            from pillow_heif import HeifImageFile  # noqa: PLC0415 - its library is large, and few need it
        except ModuleNotFoundError as error:
            raise PhotoUnsupported(
                f"{name} is HEIC, which is not read here; {HEIC_HELP} or save it as JPEG."
            ) from error
        image: ImageFile.ImageFile = HeifImageFile(BytesIO(data))  # type: ignore[no-untyped-call]
    else:
        image = _DECODERS[kind](BytesIO(data))
    for key in _NO_ORIENTATION:
        image.info.pop(key, None)
    return image


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1..8; 1 (upright) where there is none.

    `PIL.ImageOps.exif_transpose` also writes the other tags anew, and fails where one of them is broken.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken EXIF data: the picture itself may well be whole
        return 1
    return orientation if orientation in _UPRIGHT else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _to_8_bits(image).convert("RGB")
    if image.has_transparency_data:
        transparent = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(transparent, mask=transparent)
        return white
    return image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale a grey image of more than 8 bits (modes ``I;16*``, ``I``, ``F``) to mode ``L``.

    Integers are taken as 16 bits, or as 31 where a value needs more; floats as 0..1, 0..255 or 0..65535,
    whichever is the first to hold the largest.
    """
    values = np.asarray(image)
    if image.mode != "F":
        values = values.clip(0)
        return Image.fromarray((values >> (8 if values.max() < 1 << 16 else 23)).astype(np.uint8))
    values = np.nan_to_num(values, nan=0, posinf=0, neginf=0).clip(0)
    top = values.max()
    white = next((white for white in (1, 255, 65535) if top <= white), top)
    return Image.fromarray((values * (255 / white) + 0.5).astype(np.uint8))
