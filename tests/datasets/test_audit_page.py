import re
import tomllib
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from ecosorter.datasets.audit import Audit, audit
from ecosorter.datasets.audit_page import SHOWN, write_audit_page
from ecosorter.datasets.dataset import PhotoRow, dataset_of, load_dataset
from ecosorter.texts import LANGUAGES, Language
from tests.training.pictures import photo, picture, save

HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}"


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag == "style"

    def handle_data(self, data: str) -> None:
        self.text += "" if self._silent else data

    def having(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [a for name, a in self.tags if name == tag and all(a.get(k) == v for k, v in attributes.items())]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Path]:
    root = tmp_path_factory.mktemp("photos")
    for seed, place in enumerate(("home/kaca", "home/logam", "street/kaca", "street/logam")):
        photo(root / place / "a.jpg", seed)
    save(picture(0), root / "home/logam/wrong.jpg", quality=50)
    save(picture(2).transpose(0), root / "street/kaca/mirrored.jpg")
    (root / "street/logam/copy.jpg").write_bytes((root / "street/logam/a.jpg").read_bytes())
    (root / "street/logam/page.jpg").write_text("<html></html>")
    return audit(load_dataset([root])), root


def page(found: Audit, folder: Path, language: Language = "en") -> Page:
    write_audit_page(folder / "page.html", found, language=language)
    return Page((folder / "page.html").read_text(encoding="utf-8"))


def test_photos_that_belong_together_stand_side_by_side(example: tuple[Audit, Path], tmp_path: Path) -> None:
    seen = page(example[0], tmp_path)
    assert [a["id"] for tag, a in seen.tags if tag == "section"] == [
        "findings", "counts", "section_label_errors", "section_near", "section_exact", "section_unreadable",
    ]  # fmt: skip
    assert len(seen.having("figure")) == 3
    images = seen.having("img")
    assert len(images) == 6
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in images)
    assert [image["alt"] for image in images][:2] == ["Photo labelled Glass", "Photo labelled Metal"]
    assert "mirrored" in seen.text
    assert "home/logam/wrong.jpg" in seen.text
    assert "a web page, not a photo" in seen.text
    assert len(seen.having("figure", **{"class": "set wrong-label"})) == 1


def test_the_page_loads_nothing(example: tuple[Audit, Path], tmp_path: Path) -> None:
    write_audit_page(tmp_path / "page.html", example[0])
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href|url\()\s*=?\s*[\"'(]?(?!data:|#)[a-z/.]+:?//", html)
    assert "<script" not in html
    policy = Page(html).having("meta", **{"http-equiv": "Content-Security-Policy"})
    assert (policy[0]["content"] or "").startswith("default-src 'none'")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages(example: tuple[Audit, Path], tmp_path: Path, language: Language) -> None:
    seen = page(example[0], tmp_path, language)
    assert seen.having("html", lang=language)
    assert ("Temuan" in seen.text, "Findings" in seen.text) == (language == "id", language == "en")
    assert ("Kaca" in seen.text, "Glass" in seen.text) == (language == "id", language == "en")
    assert not re.search(r"\{\w*\}", seen.text)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    rows = [PhotoRow(photo(tmp_path / f"{name}{n}.jpg", 1), f"{HOSTILE}{n}", HOSTILE) for n in range(2)]
    seen = page(audit(dataset_of(rows)), tmp_path)
    assert seen.having("script") == []
    assert f"{HOSTILE}1" in seen.text  # the braces too: nothing was worked out
    assert len(seen.having("img")) == 2


def test_a_photo_that_has_disappeared(example: tuple[Audit, Path], tmp_path: Path) -> None:
    found, root = example
    gone = found.model_copy(
        update={"near": [found.near[0].model_copy(update={"photos": (_gone(found), found.near[0].photos[1])})]}
    )
    seen = page(gone, tmp_path)
    assert seen.text.count("photo not there") == 1
    assert (root / "home").is_dir()


def _gone(found: Audit) -> object:
    return found.near[0].photos[0].model_copy(update={"path": "/nowhere/a.jpg"})


def test_only_so_many_are_shown_and_the_rest_is_counted(example: tuple[Audit, Path], tmp_path: Path) -> None:
    found, _ = example
    many = found.model_copy(update={"exact": found.exact * (SHOWN + 7), "near": [], "unreadable": []})
    seen = page(many, tmp_path)
    assert len(seen.having("figure")) == SHOWN
    assert "and 7 more" in seen.text
    crowd = found.exact[0].model_copy(update={"photos": found.exact[0].photos * 30})
    assert "and 52 more" in page(found.model_copy(update={"exact": [crowd]}), tmp_path).text


def test_every_text_is_there_in_both_languages_with_the_same_fields() -> None:
    table = tomllib.loads(files("ecosorter.texts").joinpath("audit.toml").read_text(encoding="utf-8"))
    for key, entry in table.items():
        assert entry.keys() == set(LANGUAGES), key
        fields = [{field for _, field, _, _ in Formatter().parse(text) if field} for text in entry.values()]
        assert fields[0] == fields[1], key
