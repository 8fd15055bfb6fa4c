import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from ecosorter.thumbnails import SIDE, data_uris, thumbnail


@pytest.mark.parametrize(
    ("size", "expected"),
    [((400, 300), (SIDE, SIDE * 3 // 4)), ((300, 400), (SIDE * 3 // 4, SIDE)), ((40, 30), (40, 30))],
)
def test_a_thumbnail_is_the_whole_photo_made_small(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    Image.new("RGB", size, "teal").save(tmp_path / "photo.jpg")
    image = thumbnail(tmp_path / "photo.jpg")
    assert image
    assert image.size == expected


def test_addresses_hold_small_jpegs_and_leave_out_what_cannot_be_read(tmp_path: Path) -> None:
    Image.effect_noise((900, 600), 60).convert("RGB").save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_text("no photo")
    paths = [tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "missing.jpg", tmp_path / "a.png"]
    found = data_uris(paths)
    assert list(found) == [tmp_path / "a.png"]
    kind, _, content = found[tmp_path / "a.png"].partition(",")
    assert kind == "data:image/jpeg;base64"
    data = base64.b64decode(content)
    assert Image.open(io.BytesIO(data)).size == (SIDE, SIDE * 2 // 3)
    assert len(data) < 12_000
