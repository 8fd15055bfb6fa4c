"""A folder in which one file of twenty is hostile: each has its row with its reason, and the others their answers.

The kinds are those that the service is asked about, and those that only folders have.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from tests.cli.conftest import rows_of
from tests.serving.test_hostile import BOMBS, HALF, ODD, PAGE, POLYGLOTS, RARE
from tests.tiny import COLOURS, photo, tiny_bundle

WELL = 19  # good photos for each hostile one
REFUSED = {
    **HALF,
    **RARE,
    **{f"bomb {number}": content for number, content in enumerate(BOMBS)},
    "empty": b"",
    "page": PAGE,
    "text": "Halo, ini bukan foto.".encode("utf-16"),
    "zeros": bytes(5000),
}
ALLOWED = {**dict(list(ODD.items())[::7]), **{f"polyglot {number}": each for number, each in enumerate(POLYGLOTS)}}
KNOWN = {"truncated", "corrupt", "unsupported", "too_many_pixels", "empty", "html", "text", "mislabelled"}


def in_folder(number: int) -> str:
    """Return the name of a file, in the spelling of one system or another."""
    return ("a b/{0}.jpg", "ä/{0}.JPG", "{0}.png", "x/y/z/{0}.heic", "'{0}'.webp")[number % 5].format(number)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all of it, with thumbnails of a NAS, a link in a circle, and what a kill left."""
    hostile = [*REFUSED.values(), *ALLOWED.values()]
    good = photo(COLOURS["plastik"], "JPEG")
    place = tmp_path / "photos"
    for number in range(len(hostile) * (WELL + 1)):
        turn, rest = divmod(number, WELL + 1)
        path = place / in_folder(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(good if rest else hostile[turn])
    for name in ("@eaDir/1.jpg", "a b/#recycle/2.jpg", "__MACOSX/3.jpg", ".4.jpg"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(good)
    (place / "round").symlink_to(place, target_is_directory=True)
    return tmp_path


def test_every_file_has_its_row_and_the_others_their_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    tiny_bundle(folder / "model")
    words = ["classify", "photos", "--model", "model", "--out", "rows.csv", "--lang", "en"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    rows = {row["path"]: row for row in rows_of("rows.csv")}
    names = [f"photos/{in_folder(number)}" for number in range(len(rows))]
    assert sorted(rows) == sorted(names)
    assert {row["label"] for number, name in enumerate(names) if number % (WELL + 1) for row in [rows[name]]} == {
        "plastik"
    }
    hostile = [rows[name] for name in names[:: WELL + 1]]
    assert {row["status"] for row in hostile} <= {*KNOWN, "ok"}
    for name, row in zip(REFUSED, hostile, strict=False):
        assert row["status"] != "ok" or name in RARE, name
        assert row["status"] == "ok" or row["reason"], name
    before = (folder / "rows.csv").read_bytes()
    again = CliRunner().invoke(app, words)  # what failed is tried again, and fails alike; nothing is there twice
    assert again.exit_code == 1
    assert len(rows_of("rows.csv")) == len(rows)
    assert len((folder / "rows.csv").read_bytes()) == len(before)
