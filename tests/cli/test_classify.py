"""`ecosorter classify`, from the arguments to the exit code."""

import csv
import json
import os
import stat
import subprocess
import sys
import zipfile
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
from onnxruntime import get_available_providers

from ecosorter.cli.classify import classify
from ecosorter.errors import BundleError
from tests.cli.conftest import Invoke, Run, rows_of
from tests.test_session import DEVICES
from tests.tiny import CLASSES, COLOURS, photo

FIELDS = ["path", "status", "label", "best", "confidence", "reason"]


@pytest.fixture
def run(invoke: Invoke) -> Run:
    return partial(invoke, classify)


def test_the_table_tells_everything(run: Run, photos: Path) -> None:
    done = run("photos")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["Photo", "Answer", "Confidence", "Details"]
    assert [line.split()[:2] for line in lines[1:6]] == [
        ["photos/1.png", "Glass"],
        ["photos/2.jpg", "failed"],
        ["photos/3.webp", "Plastic"],
        ["photos/4.png", "not"],
        ["photos/5.jpg", "failed"],
    ]
    assert "100%" in lines[1]
    assert "a web page, not a photo" in lines[2]
    assert "perhaps" in lines[4]
    assert lines[-1] == "Photos: 5. Answered: 2, not sure: 1, could not be read: 2."


def test_the_table_speaks_indonesian(run: Run, photos: Path) -> None:
    done = run("photos", "--lang", "id", "--top", "2")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["Foto", "Jawaban", "Keyakinan", "Rincian"]
    assert "Kaca" in lines[1]
    assert "belum yakin" in lines[4]
    assert lines[-1].startswith("Foto: 5. Terjawab: 2")


@pytest.mark.parametrize(("language", "told"), [("en", "To read HEIC"), ("id", "Untuk membaca HEIC")])
def test_without_pillow_heif_the_others_are_classified(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch, language: str, told: str
) -> None:
    before = json.loads(run("photos", "--json").stdout)
    (photos / "3.heic").write_bytes(photo(COLOURS["kaca"], "HEIF"))
    assert told not in run("photos", "--lang", language).stdout
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert run("photos", "--lang", language).stdout.splitlines()[-1] == f"{told}: pip install 'ecosorter[heic]'"
    rows = json.loads(run("photos", "--json").stdout)
    row = rows.pop(2)
    assert (row["path"], row["status"]) == ("photos/3.heic", "unsupported")
    assert "pip install 'ecosorter[heic]'" in row["reason"]
    assert rows == before


def test_a_long_list_keeps_its_columns(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "a.png").write_bytes(photo(COLOURS["kaca"]))
    (tmp_path / ("b" * 80 + ".png")).write_bytes(photo(COLOURS["kaca"]))
    done = run(*["a.png"] * 70, "b" * 80 + ".png")
    assert done.exit_code == 0
    rows = [line for line in done.stdout.splitlines() if "Glass" in line]
    assert len(rows) == 71
    assert len({row.index("Glass") for row in rows}) == 1
    assert done.stdout.count("Photo ") == 1
    assert "".join(line.split()[0] for line in done.stdout.splitlines()[71:73]) == "b" * 80 + ".png"


def test_json_is_one_array(run: Run, photos: Path) -> None:
    done = run("photos", "--json", "--top", "2")
    rows = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [list(row)[:6] for row in rows] == [FIELDS] * 5
    assert [row["path"] for row in rows] == [f"photos/{n}" for n in ("1.png", "2.jpg", "3.webp", "4.png", "5.jpg")]
    assert [row["status"] for row in rows] == ["ok", "html", "ok", "ok", "empty"]
    assert [row["label"] for row in rows] == ["kaca", None, "plastik", None, None]
    glass, page, _, between, _ = rows
    assert glass["confidence"] == glass["top"][0]["probability"] > 0.99
    assert (glass["best"], glass["reason"], glass["candidates"]) == ("kaca", "confident", ["kaca"])
    assert (between["reason"], between["best"]) == ("low_confidence", between["top"][0]["label"])
    assert len(between["top"]) == 2
    assert (page["best"], page["confidence"], page["top"]) == (None, None, [])
    assert "web page" in page["reason"]


def test_csv_to_standard_output(run: Run, photos: Path) -> None:
    done = run("photos", "--csv", "-", "--top", "9")
    rows = list(csv.DictReader(StringIO(done.stdout)))
    assert done.exit_code == 1
    assert list(rows[0])[:6] == FIELDS
    assert list(rows[0])[6:] == [f"top{n}{end}" for n in range(1, 5) for end in ("", "_probability")]
    assert [row["label"] for row in rows] == ["kaca", "", "plastik", "", ""]
    assert [row["best"] for row in rows][:3] == ["kaca", "", "plastik"]
    assert {rows[0][f"top{n}"] for n in range(1, 5)} == set(CLASSES)
    assert sum(float(rows[0][f"top{n}_probability"]) for n in range(1, 5)) == pytest.approx(1, abs=1e-5)
    assert "empty" in rows[4]["reason"]
    assert None not in rows[4].values()


def test_a_csv_file_appears_whole(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("old")
    done = run("photos", "--csv", "out.csv")
    assert done.exit_code == 1
    assert done.stdout == ""
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == ",".join(FIELDS)
    assert len(lines) == 6
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) & stat.S_IRUSR
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "photos"]


def test_a_csv_file_stays_as_it_was_when_the_run_fails(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("old")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecosorter.cli.outputs.csv_text", lambda _: 1 / 0)
        done = run("photos", "--csv", "out.csv")
    assert isinstance(done.exception, ZeroDivisionError)
    assert (tmp_path / "out.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "photos"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no /dev/stdout")
def test_a_device_is_written_and_not_replaced(model: Path, photos: Path) -> None:
    code = "import sys, typer; from ecosorter.cli.classify import classify; typer.run(classify)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code, str(photos / "1.png"), "--model", str(model), "--csv", "/dev/stdout"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.splitlines()[0] == ",".join(FIELDS)
    assert Path("/dev/stdout").is_symlink()


def test_files_folders_patterns_and_lists_go_together_in_order(run: Run, photos: Path, tmp_path: Path) -> None:
    listed = b"photos/3.webp\r\n\n./photos/1.png\ngone.jpg\n"
    done = run("photos/4.png", "-", "photos/[12].*", "notes.txt", "--json", stdin=listed)
    rows = json.loads(done.stdout)
    assert [row["path"] for row in rows] == [
        "photos/4.png",
        "photos/3.webp",
        "./photos/1.png",
        "gone.jpg",
        "photos/1.png",
        "photos/2.jpg",
        "notes.txt",
    ]
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "missing", "ok", "html", "missing"]


def test_all_read_is_exit_code_0(run: Run, photos: Path) -> None:
    assert run("photos/1.png", "photos/4.png").exit_code == 0  # "not sure" is an answer


def test_an_empty_folder_beside_others_appears_too(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = run("none", "photos/1.png", "--json")
    assert [(row["path"], row["status"]) for row in json.loads(done.stdout)] == [
        ("none", "is_folder"),
        ("photos/1.png", "ok"),
    ]
    assert done.exit_code == 1


def test_the_caps_can_be_set(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(photo(kind="BMP", size=(100, 100)))
    for option, cap, status in [
        ("--max-megapixels", "0.01", "ok"),
        ("--max-megapixels", "0.009", "too_many_pixels"),
        ("--max-megabytes", "0.04", "ok"),
        ("--max-megabytes", "0.02", "too_many_bytes"),
    ]:
        (row,) = json.loads(run("a.bmp", "--json", option, cap).stdout)
        assert row["status"] == status


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Usage"),
        (["--json"], "PATH"),
        ([""], "path is empty"),
        (["empty"], "no photos in empty"),
        (["-"], "list on standard input is empty"),
        (["1.png", "--json", "--csv", "out.csv"], "not both"),
        (["1.png", "--top", "0"], "--top"),
        (["1.png", "--max-megabytes", "inf"], "--max-megabytes"),
        (["1.png", "--max-megabytes", "nan"], "--max-megabytes"),
        (["1.png", "--max-megapixels", "1e400"], "--max-megapixels"),
        (["1.png", "--max-megapixels", "nan"], "--max-megapixels"),
        (["1.png", "--report", "empty"], "cannot be written"),
        (["1.png", "--report", "no/page.html"], "cannot be written"),
        (["1.png", "--lang", "fr"], "--lang"),
        (["1.png", "--csv", "no/such/folder/out.csv"], "cannot be written"),
        (["1.png", "--csv", "empty"], "cannot be written"),
    ],
)
def test_slips_are_exit_code_2(run: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "1.png").write_bytes(photo())
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png", "empty"]


def test_no_argument_never_reads_the_current_folder(run: Run, photos: Path) -> None:
    assert "1.png" not in run().output


def test_a_model_that_cannot_be_used_is_an_error_of_the_bundle(run: Run, photos: Path) -> None:
    done = run("photos", "--model", "nowhere")
    assert isinstance(done.exception, BundleError)  # which cli/app.py turns into a sentence and exit code 2
    assert done.stdout == ""


def test_a_device_that_is_not_there_is_an_error_too(run: Run, photos: Path) -> None:
    absent = next(device for provider, device in DEVICES.items() if provider not in get_available_providers())
    assert isinstance(run("photos", "--device", absent).exception, BundleError)
    assert run("photos/1.png", "--device", "cpu").exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("name", [b"caf\xe9.png", b"=1+1.png", b'a,"b"\nc.png', b"[red]x.png", "Ω–ß.png".encode()])
def test_any_file_name_comes_through(run: Run, tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/in/" + name
    (tmp_path / "in").mkdir()
    Path(os.fsdecode(path)).write_bytes(photo(COLOURS["kaca"]))
    assert "Glass" in run("in").stdout

    (row,) = json.loads(run("in", "--json").stdout)
    assert os.fsencode(row["path"]) == b"in/" + name

    assert run("in", "--csv", "out.csv").exit_code == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        (entry,) = csv.DictReader(file)
    assert os.fsencode(entry["path"]) == b"in/" + name

    stdout = run("in", "--csv", "-").stdout_bytes
    assert stdout == (tmp_path / "out.csv").read_bytes()


def test_an_escape_in_a_file_name_does_not_reach_the_terminal(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2Jb.png").write_bytes(photo())
    assert "\x1b" not in run("a\x1b[2Jb.png").stdout


def test_every_kind_of_bad_file_beside_a_hundred_photos(run: Run, tmp_path: Path) -> None:
    """What the issue asks to see, in small."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number:03}.png").write_bytes(photo(COLOURS[CLASSES[number % 4]]))
    bad = {
        "empty": b"",
        "text": b"notes",
        "html": b"<!doctype html><title>404</title>",
        "mislabelled": b"%PDF-1.4",
        "unsupported": bytes(range(200)),
        "truncated": photo(kind="JPEG", size=(300, 300))[:-100],
        "too_many_pixels": photo(kind="PNG", size=(800, 800)),
        "too_many_bytes": bytes(3_000_000),
    }
    for status, data in bad.items():
        (folder / f"x-{status}.jpg").write_bytes(data)
    (folder / "x-is_folder.jpg").mkdir()
    (folder / "x-missing.jpg").symlink_to("nowhere")
    (folder / "x-unreadable.jpg").symlink_to("x-unreadable.jpg")
    done = run("in", "--json", "--max-megapixels", "0.5", "--max-megabytes", "2")
    rows = json.loads(done.stdout)
    assert [row["label"] for row in rows[:100]] == [CLASSES[number % 4] for number in range(100)]
    assert {row["path"]: row["status"] for row in rows[100:]} == {
        f"in/x-{status}.jpg": status for status in (*bad, "is_folder", "missing", "unreadable")
    }
    assert done.exit_code == 1


# Many photos


def test_out_is_told_by_its_ending_and_starts_with_the_same_fields(run: Run, photos: Path) -> None:
    done = run("photos", "--out", "out.csv", "--probabilities")
    assert done.exit_code == 1
    assert [line.split()[-1] for line in done.stdout.splitlines()[:6]] == ["1", "1", "1", "0", "2", "5"]
    assert "out.csv" in done.stdout
    rows = rows_of("out.csv")
    assert list(rows[0]) == [*FIELDS, "model", "sha256", "time", *(f"p_{name}" for name in CLASSES)]
    assert [row["status"] for row in rows] == ["ok", "html", "ok", "ok", "empty"]
    assert rows[0]["model"].startswith("tiny 1 ")
    assert len(rows[0]["sha256"]) == 64
    assert rows[4]["sha256"] == rows[4]["p_kaca"] == ""

    assert run("photos", "--out", "out.jsonl").exit_code == 1
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines] == ["kaca", None, "plastik", None, None]


def test_parquet(run: Run, photos: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run("photos", "--out", "out.parquet").exit_code == 1
    assert parquet.read_table("out.parquet").column("status").to_pylist() == ["ok", "html", "ok", "ok", "empty"]


def test_the_same_command_again_mends_what_failed(run: Run, photos: Path) -> None:
    run("photos", "--out", "out.csv")
    before = rows_of("out.csv")
    (photos / "5.jpg").write_bytes(photo(COLOURS["logam"]))
    assert ["Could", "not", "be", "read", "1"] in [
        line.split() for line in run("photos", "--out", "out.csv").stdout.splitlines()
    ]
    after = rows_of("out.csv")
    assert after[4]["label"] == "logam"
    assert after[0] == before[0]  # its time too: it was not touched
    refused = run("photos/1.png", "--out", "out.csv")
    assert "--restart" in str(refused.exception)
    assert run("photos/1.png", "--out", "out.csv", "--restart").exit_code == 0
    assert len(rows_of("out.csv")) == 1


def test_a_thousand_photos_with_hostile_ones_among_them(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = [tmp_path / f"{name}.png" for name in CLASSES]
    for path in good:
        path.write_bytes(photo(COLOURS[path.stem]))
    hostile = [
        b"",
        b"<html>",
        b"%PDF-1.4",
        b"text",
        photo(kind="JPEG", size=(99, 99))[:-30],
        photo(kind="PNG", size=(1500, 1000)),  # more pixels than allowed
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        b"GIF89a" + b"\xff" * 30,
        None,  # a link that leads to itself
        None,
        photo(kind="JPEG", size=(99, 99))[:200] + b"\xff\xd9",  # half of one, with an end
        b"II*\0\x08\0\0\0\0\0",  # a TIFF of nothing
        b"\xef\xbb\xbf<!doctype html>",
        "<html>".encode("utf-16"),
        bytes(4096),  # what a disk gives back of a file that was lost
        b"PK\x05\x06" + bytes(18),  # an empty archive
    ]
    for number in range(1000):
        path = folder / f"{number:04}.jpg"
        if number % 20:
            path.symlink_to(good[number % 4])
        elif (content := hostile[number // 20 % len(hostile)]) is not None:
            path.write_bytes(content)
        else:
            path.symlink_to(path)
    for name in ("@eaDir", "#recycle", "lost+found"):
        (folder / name).mkdir()
        (folder / name / "SYNOPHOTO_THUMB_M.jpg").symlink_to(good[0])
    done = run("in", "--out", "out.csv", "--report", "page.html", "--max-megapixels", "1")
    rows = rows_of("out.csv")
    assert done.exit_code == 1
    assert "3 photos were left out" in done.stdout
    assert [row["path"] for row in rows] == [f"in/{number:04}.jpg" for number in range(1000)]
    assert all((row["status"] == "ok") == bool(number % 20) for number, row in enumerate(rows))
    assert all(row["label"] == CLASSES[number % 4] for number, row in enumerate(rows) if number % 20)
    assert len({row["status"] for row in rows}) >= 8
    assert (tmp_path / "page.html").stat().st_size < 1_000_000


def test_a_folder_of_a_nas_among_the_names_is_no_list(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / "@eaDir/thumb.jpg").write_bytes(photo())
    done = run("@eaDir", "photos/1.png", "--json")
    assert [row["path"] for row in json.loads(done.stdout)] == ["photos/1.png"]
    assert done.stderr.startswith("1 photos were left out")
    assert done.exit_code == 0
    alone = run("@eaDir")
    assert alone.exit_code == 2
    assert "no photos in @eaDir" in " ".join(alone.output.replace("│", " ").split())


def test_a_list_from_windows(run: Run, photos: Path, tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "list.txt").write_bytes("photos/1.png\r\nphotos/3.webp\r\n".encode(encoding))
        rows = json.loads(run("@list.txt", "--json").stdout)
        assert [(row["path"], row["label"]) for row in rows] == [("photos/1.png", "kaca"), ("photos/3.webp", "plastik")]


def test_an_output_that_is_a_link_stays_one(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    for option, name in (("--csv", "a.csv"), ("--out", "b.csv"), ("--out", "c.jsonl"), ("--report", "d.html")):
        (tmp_path / name).symlink_to(f"real/{name}")
        for _ in range(2):
            assert run("photos", option, name).exit_code == 1  # --out replaces the file: it tries again what failed
        assert (tmp_path / name).is_symlink()
        assert "1.png" in (tmp_path / "real" / name).read_text()
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["a.csv", "b.csv", "c.jsonl", "d.html"]


def test_lists_archives_and_their_report(run: Run, photos: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile("a.zip", "w") as packed:
        packed.write("photos/1.png")
        packed.write("photos/2.jpg")
    Path("list.txt").write_text("photos/3.webp\n")
    done = run("a.zip", "@list.txt", "--json", "--report", "page.html", "--lang", "id")
    rows = json.loads(done.stdout)
    assert [row["path"] for row in rows] == ["a.zip!/photos/1.png", "a.zip!/photos/2.jpg", "photos/3.webp"]
    assert "Kaca" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "page.html" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.png", "--json", "--out", "x.csv"], "not both"),
        (["a.png", "--watch", "in"], "not both"),
        (["--watch", "gone"], "no folder"),
        (["@gone.txt"], "no list"),
        (["@none.txt"], "list is empty"),
        (["in", "--sort-into", "in/sorted"], "beside"),
    ],
)
def test_slips_with_many_photos_are_exit_code_2(run: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(photo())
    (tmp_path / "none.txt").touch()
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "none.txt"]
