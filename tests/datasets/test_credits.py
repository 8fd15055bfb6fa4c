import csv
import io
from pathlib import Path

import pytest

from ecosorter.datasets.credits import attribution, forbids_changes, forbids_commerce, licence_of
from ecosorter.datasets.dataset import PhotoRow


@pytest.mark.parametrize(
    ("licence", "commerce", "changes"),
    [
        ("CC-BY-4.0", False, False),
        ("CC BY-SA 3.0", False, False),
        ("MIT", False, False),
        ("", False, False),
        ("of the encyclopedia, and others", False, False),
        ("CC-BY-NC-SA-4.0", True, False),
        ("https://creativecommons.org/licenses/by-nc/2.0/", True, False),
        ("https://creativecommons.org/licenses/by-nc-nd/2.0/", True, True),
        ("CC BY-ND 2.0", False, True),
        ("for non-commercial use only", True, False),
        ("Attribution-NoDerivs", False, True),
    ],
)
def test_what_a_licence_forbids(licence: str, commerce: bool, changes: bool) -> None:
    assert (forbids_commerce(licence), forbids_changes(licence)) == (commerce, changes)


def row(name: str, source: str = "here", **credit: str) -> PhotoRow:
    return PhotoRow(Path("/home/ana/photos/kaca") / name, "kaca", source, **credit)


def test_photos_say_more_than_what_is_known_of_their_source() -> None:
    assert licence_of("trashnet", [row("a.jpg", "trashnet")]) == "MIT"
    stated = [row("a.jpg", "trashnet", licence="CC0-1.0"), row("b.jpg", "trashnet", licence="CC-BY-4.0"), row("c.jpg")]
    assert licence_of("trashnet", stated) == "CC-BY-4.0, CC0-1.0"
    assert licence_of("mine", [row("a.jpg", "mine")]) is None


def test_everybody_who_is_named_stands_in_the_table() -> None:
    rows = [
        row("b.jpg", author="Ana, A.", licence="CC-BY-4.0", url="https://x/b"),
        row("a.jpg", licence="CC-BY-4.0", url="https://x/a"),
        row("c.jpg", licence="CC-BY-4.0"),
        row("banana.jpg", "wikimedia-crops"),
    ]
    text = attribution(rows)
    assert text
    assert "/home/ana" not in text
    table = list(csv.reader(io.StringIO(text)))
    assert table[:3] == [
        ["source", "photo", "author", "licence", "url"],
        ["here", "kaca/a.jpg", "", "CC-BY-4.0", "https://x/a"],
        ["here", "kaca/b.jpg", "Ana, A.", "CC-BY-4.0", "https://x/b"],
    ]
    assert table[3][:3] == ["wikimedia-crops", "kaca/banana.jpg", "JoJan"]
    assert len(table) == 4


def test_a_table_is_added_to_and_nobody_stands_there_twice() -> None:
    first = attribution([row("a.jpg", author="Ana")])
    both = attribution([row("a.jpg", author="Ana"), row("b.jpg", author="Budi")], first)
    assert both
    assert both.count("Ana") == 1
    assert attribution([], both) == both


def test_without_anybody_there_is_no_table() -> None:
    assert attribution([row("a.jpg"), row("a.jpg", "trashnet")]) is None
