import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from ecosorter.datasets import scan as facts
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import PhotoRow
from ecosorter.datasets.scan import photo_facts, say_unusable
from tests.tiny import encoded
from tests.training.pictures import photo, picture, save


def rows_of(*paths: Path) -> list[PhotoRow]:
    return [PhotoRow(path, "kaca", "here") for path in paths]


def test_facts_of_good_and_bad_photos(tmp_path: Path) -> None:
    good = photo(tmp_path / "good.jpg", 1)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(good.read_bytes()[:1500])
    page = tmp_path / "page.jpg"
    page.write_text("<!doctype html><html><body>404</body></html>")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    found = photo_facts(rows_of(good, cut, page, empty, tmp_path, tmp_path / "gone.jpg"))
    assert [fact.status for fact in found] == ["ok", "truncated", "html", "empty", "is_folder", "missing"]
    assert [fact.thumbnail is not None for fact in found] == [True] + [False] * 5
    assert found[0].sha256 == hashlib.sha256(good.read_bytes()).hexdigest()
    assert [bool(fact.sha256) for fact in found] == [True, True, True, False, False, False]


def test_a_thumbnail_is_the_upright_grey_photo_squeezed(tmp_path: Path) -> None:
    image = picture(2, (640, 320))
    for corner in ((0, 0), (320, 160)):
        image.paste((255, 0, 0), (*corner, corner[0] + 320, corner[1] + 160))
    turned = image.transpose(2)  # a quarter to the left: upright again with EXIF orientation 6
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    (fact,) = photo_facts(rows_of(tmp_path / "turned.jpg"))
    assert fact.thumbnail is not None
    assert fact.thumbnail.shape == (64, 64)
    assert fact.thumbnail.dtype == np.uint8
    red = 76  # by ITU-R 601: 0.299 x 255
    assert np.abs(fact.thumbnail[2:30, 2:30].astype(int) - red).max() <= 3
    assert np.abs(fact.thumbnail[34:62, 34:62].astype(int) - red).max() <= 3
    assert fact.thumbnail[:30, 34:].std() > 10


def test_what_is_cached_is_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    paths = [photo(tmp_path / f"{seed}.jpg", seed) for seed in range(70)]  # more than one batch
    (tmp_path / "bad.jpg").write_bytes(paths[0].read_bytes()[:900])
    paths.append(tmp_path / "bad.jpg")
    first = photo_facts(rows_of(*paths), cache)
    assert cache.usage().entries == 71

    paths[3] = paths[3].rename(tmp_path / "moved.jpg")
    photo(paths[5], 1005)  # another picture under the same name
    opened = []
    monkeypatch.setattr(facts, "open_photo", lambda data, **_: opened.append(data) or picture(1005))
    again = photo_facts(rows_of(*paths), cache)
    assert opened == [paths[5].read_bytes()]
    for before, after in zip(first, again, strict=True):
        if after.sha256 != hashlib.sha256(opened[0]).hexdigest():
            assert (before.sha256, before.status) == (after.sha256, after.status)
            assert np.array_equal(before.thumbnail, after.thumbnail)  # type: ignore[arg-type]


def test_a_format_that_is_not_read_here_may_be_read_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    (tmp_path / "1.heic").write_bytes(encoded(picture(1), "HEIF"))
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pillow_heif", None)
        assert [fact.status for fact in photo_facts(rows_of(tmp_path / "1.heic"), cache)] == ["unsupported"]
    assert [fact.status for fact in photo_facts(rows_of(tmp_path / "1.heic"), cache)] == ["ok"]


def test_breaking_off_keeps_what_is_done(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    paths = [photo(tmp_path / f"{seed}.png", seed) for seed in range(66)]

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        photo_facts(rows_of(*paths), cache, stop)
    assert cache.usage().entries == 64


def test_progress_counts_every_photo(tmp_path: Path) -> None:
    told: list[int] = []
    image = save(picture(1), tmp_path / "a.jpg")
    photo_facts(rows_of(*[image] * 130, tmp_path / "gone.jpg"), None, told.append)
    assert sum(told) == 131
    assert len(told) > 1
    assert photo_facts([]) == []


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    good, empty = photo(tmp_path / "good.jpg", 1), tmp_path / "empty.jpg"
    empty.touch()
    rows = rows_of(good, *(tmp_path / f"gone{number}.jpg" for number in range(5)), empty)
    gone = ", ".join(str(tmp_path / f"gone{number}.jpg") for number in range(3))
    assert say_unusable(rows, photo_facts(rows)) == (
        f" These cannot be used: missing: {gone} and 2 more; empty: {empty}."
    )
    assert say_unusable(rows[:1], photo_facts(rows[:1])) == ""
