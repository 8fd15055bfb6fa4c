from collections.abc import Callable, Sized
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from ecosorter.datasets import duplicates
from ecosorter.datasets.dataset import PhotoRow, load_dataset
from ecosorter.datasets.duplicates import Near, exact_duplicates, find_groups, near_duplicates
from ecosorter.datasets.scan import PhotoFacts, photo_facts
from tests.training.pictures import picture, save


def fact_of(image: Image.Image, name: str) -> PhotoFacts:
    thumbnail = np.asarray(image.convert("L").resize((64, 64), Image.Resampling.BOX))
    return PhotoFacts(name, "ok", thumbnail)


def row(group: str = "", source: str = "s") -> PhotoRow:
    return PhotoRow(Path("x"), "kaca", source, group)


def rows_of(facts: Sized) -> list[PhotoRow]:
    return [row()] * len(facts)


def crop(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "smaller": lambda image: image.resize((75, 56)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "other shape": lambda image: image.resize((120, 120)),
    "cropped by 1 %": lambda image: crop(image, 0.01),
    "shifted by 2 %": lambda image: image.crop((4, 0, 200, 150)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("mirror", [False, True])
def test_changed_copies_are_found_among_others(change: str, mirror: bool) -> None:
    image = picture(0, (200, 150))
    copy = CHANGES[change](image)
    copy = copy.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else copy
    facts = [fact_of(picture(n), str(n)) for n in range(1, 30)]
    facts[4], facts[20] = fact_of(image, "a"), fact_of(copy, "b")
    (near,) = near_duplicates(rows_of(facts), facts)
    assert (near.first, near.second, near.mirrored) == (4, 20, mirror)
    assert 0.5 <= near.similarity <= 1


@pytest.mark.parametrize("quality", [30, 95])
def test_photos_saved_again_are_found(tmp_path: Path, quality: int) -> None:
    image = picture(3, (640, 480))
    paths = [save(image, tmp_path / "a.jpg"), save(image, tmp_path / "b.jpg", quality), save(image, tmp_path / "c.png")]
    facts = photo_facts([PhotoRow(path, "kaca", "s") for path in paths])
    assert [(near.first, near.second) for near in near_duplicates(rows_of(facts), facts)] == [(0, 1), (0, 2), (1, 2)]


def above_a_table(seed: int) -> Image.Image:
    """Return a small object somewhere in the middle of a table that a fixed camera looks at."""
    image = picture(1000, (200, 150))
    random = np.random.default_rng(seed)
    image.paste(picture(seed, (50, 50)), (75 + int(random.integers(-9, 9)), 50 + int(random.integers(-9, 9))))
    noise = random.normal(0, 2, (150, 200, 1))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def test_a_fixed_camera_does_not_make_all_its_photos_one() -> None:
    images = [above_a_table(seed) for seed in range(40)]
    images[31] = CHANGES["brighter"](images[7])
    facts = [fact_of(image, str(n)) for n, image in enumerate(images)]
    assert [(near.first, near.second) for near in near_duplicates(rows_of(facts), facts)] == [(7, 31)]


def test_copies_in_another_source_are_found_whatever_its_background() -> None:
    table = [fact_of(above_a_table(seed), f"a{seed}") for seed in range(40)]
    hand = [fact_of(picture(seed + 100), f"b{seed}") for seed in range(40)]
    table[3] = fact_of(CHANGES["smaller"](picture(105)), "copy")
    rows = [*(row(source="table") for _ in table), *(row(source="hand") for _ in hand)]
    assert [(near.first, near.second) for near in near_duplicates(rows, [*table, *hand])] == [(3, 45)]


def test_flat_pictures_have_nothing_to_compare() -> None:
    facts = [fact_of(Image.new("RGB", (80, 60), (grey, grey, grey)), str(grey)) for grey in (0, 90, 91, 255)]
    assert near_duplicates(rows_of(facts), facts) == []


def test_exact_copies_and_unreadable_photos() -> None:
    a, b = fact_of(picture(1), "a"), fact_of(picture(2), "b")
    facts = [a, PhotoFacts("", "missing", None), b, a, PhotoFacts("", "missing", None), a]
    broken = PhotoFacts("x", "corrupt", None)
    assert exact_duplicates(facts) == [[0, 3, 5]]
    assert exact_duplicates([broken, a, broken]) == [[0, 2]]
    assert near_duplicates(rows_of(facts), facts) == []  # copies are told once, as exact


def test_only_the_first_of_exact_copies_is_compared() -> None:
    a, again = fact_of(picture(1), "a"), fact_of(CHANGES["brighter"](picture(1)), "b")
    pairs = [(near.first, near.second) for near in near_duplicates(rows_of(range(4)), [again, a, a, again])]
    assert pairs == [(0, 1)]


def test_every_block_is_compared_with_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK", 4)
    monkeypatch.setattr(duplicates, "_PAIRS", 3)
    facts = [fact_of(picture(n % 5), str(n)) for n in range(15)]
    told: list[int] = []
    pairs = [(near.first, near.second) for near in near_duplicates(rows_of(facts), facts, told.append)]
    assert pairs == [(i, j) for i, j in combinations(range(15), 2) if i % 5 == j % 5]
    assert sum(told) == 15


def unknown(number: int) -> list[PhotoFacts]:
    return [PhotoFacts(f"{i}", "corrupt", None) for i in range(number)]


def test_groups_join_copies_near_duplicates_and_given_groups() -> None:
    rows = [row(), row("1"), row(), row("1"), row("1", "other"), row(), row("2")]
    facts = unknown(7)
    facts[5] = facts[0]
    near = [Near(2, 3, 0.9, False)]
    assert find_groups(rows, facts, near).tolist() == [0, 1, 1, 1, 2, 0, 3]
    assert find_groups([], [], []).tolist() == []


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_groups_are_the_connected_components(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 25))
    ends = st.integers(0, n - 1)
    pairs = data.draw(st.lists(st.tuples(ends, ends).filter(lambda pair: pair[0] < pair[1]), max_size=30))
    groups = find_groups([row()] * n, unknown(n), [Near(a, b, 1, False) for a, b in pairs])
    assert groups.dtype == np.int64
    assert sorted(set(groups.tolist())) == list(range(groups.max() + 1))
    reached = np.eye(n, dtype=bool)
    for a, b in pairs:
        reached[a, b] = reached[b, a] = True
    for _ in range(n):
        reached = reached @ reached
    assert np.array_equal(groups[:, None] == groups[None, :], reached)


def test_real_photos_do_not_chain(shared: Path) -> None:
    """White boards, tomatoes cut out on white, and receipts on one scanner: what looks most alike."""
    photos = shared / "photos"
    dataset = load_dataset([photos / "rotten-tomatoes", photos / "receipt-scans"])
    board = [row for row in load_dataset([photos / "trashnet"]).rows if row.label in ("kaca", "logam")]
    rows = [*dataset.rows, *board]
    facts = photo_facts(rows)
    near = near_duplicates(rows, facts)
    assert 5 <= len(near) <= 15
    assert np.bincount(find_groups(rows, facts, near)).max() <= 3
    copies = [{rows[i].path.name for i in same} for same in exact_duplicates(facts)]
    assert copies == [{"glass115.jpg", "metal91.jpg"}]
