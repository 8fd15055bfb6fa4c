"""The page is small, whole and harmless."""

import re
from pathlib import Path

import pytest

from ecosorter import Limits
from ecosorter.bulk import Gallery, Input, Row, Tally
from ecosorter.texts import LANGUAGES, Language, texts
from tests.tiny import photo


def row(path: str, confidence: float | None = 0.5, label: str | None = "kaca", **more: str) -> Row:
    base = {"path": path, "status": "ok", "label": label, "best": "kaca", "confidence": confidence}
    return {**base, "reason": "confident", **more}


def page(rows: list[Row], tmp_path: Path, language: Language = "en", photos: dict[str, bytes] | None = None) -> str:
    tally, gallery = Tally(), Gallery(7, Limits())
    tally.add(rows)
    for one in rows:
        data = (photos or {}).get(one["path"], photo())
        gallery.add(one, Input(one["path"], lambda data=data: data))  # type: ignore[misc]
    gallery.write(tmp_path / "page.html", tally, "tiny 1", language)
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_least_certain_are_shown_first_and_the_most_certain_not_at_all(tmp_path: Path) -> None:
    rows = [row(f"{number:03}.jpg", 0.4 + number / 1000) for number in range(500)]
    shown = re.findall(r"(\d{3})\.jpg", page(rows[::2] + rows[1::2], tmp_path))
    assert shown == [f"{number:03}" for number in range(36)]


def test_many_thousand_photos_are_a_small_page(tmp_path: Path) -> None:
    large = photo((9, 200, 9), "JPEG", (400, 300))
    rows = [row(f"{number}.jpg", label=f"class {number % 7}") for number in range(10_000)]
    rows += [row(f"x{number}.jpg", None, None, status="html") for number in range(10_000)]
    text = page(rows, tmp_path, photos={f"{number}.jpg": large for number in range(10_000)})
    assert len(text) < 3_000_000
    assert text.count("<img") == 7 * 36
    assert text.count("<li>x") == 200
    assert "10,000" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_outcomes_in_both_languages(tmp_path: Path, language: Language) -> None:
    rows = [
        row("a.jpg"),
        row("b.jpg", label=None, reason="low_confidence"),
        row("c.jpg", label=None, reason="no_waste"),
        row("d.jpg", None, None, status="empty"),
    ]
    text, words = page(rows, tmp_path, language), texts("bulk", language)
    for key in ("low_confidence", "no_waste", "failed", "title"):
        assert words[key] in text
    assert texts("photos", language)["empty"] in text


def test_a_hostile_name_stays_a_name_and_a_photo_that_is_gone_an_empty_place(tmp_path: Path) -> None:
    text = page(
        [row("<script>alert(1)</script>\udce9.jpg")], tmp_path, photos={"<script>alert(1)</script>\udce9.jpg": b""}
    )
    assert "<script" not in text
    assert 'class="none"' in text
    assert "http://" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text


def test_a_model_of_many_classes_gets_fewer_photos_of_each(tmp_path: Path) -> None:
    gallery, tally = Gallery(1000, Limits()), Tally()
    for number in range(5000):
        one = row(f"{number}.jpg", label=f"c{number % 1000}")
        gallery.add(one, None)
        tally.add([one])
    gallery.write(tmp_path / "page.html", tally, "large 1", "en")
    assert (tmp_path / "page.html").read_text().count("<figure>") == 1000
