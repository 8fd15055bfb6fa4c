"""The page as a folder of files."""

import gzip
import json
import re
from pathlib import Path

import brotli
import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.errors import ServiceError
from ecosorter.serving.site import write_site
from tests.tiny import tiny_bundle


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    tiny_bundle(folder / "bundle", classes=("kaca", "popok", "ban-bekas"))
    done = CliRunner().invoke(app, ["site", str(folder / "out"), "--model", str(folder / "bundle"), "--lang", "en"])
    assert done.exit_code == 0, done.output
    assert re.search(r"out is ready: the page has \d+ kB, the download for offline use 2\.\d MB", done.output)
    return folder / "out"


def test_what_is_compressed_beforehand_is_what_it_stands_beside(site: Path) -> None:
    packed = [*site.rglob("*.br"), *site.rglob("*.gz")]
    assert {path.suffix for path in packed} == {".br", ".gz"}
    for path in packed:
        open_ = brotli.decompress if path.suffix == ".br" else gzip.decompress
        assert open_(path.read_bytes()) == path.with_suffix("").read_bytes(), path
    for name in ("index.html", "sw.js", "phone/list.json"):
        assert (site / f"{name}.br").is_file()


def test_the_page_is_small(site: Path) -> None:
    first = [
        *site.glob("*.br"),
        *site.glob("texts/id*.br"),
        *site.glob("static/**/*.br"),
        *site.glob("data/[cs]*.id.json.br"),
    ]
    assert sum(path.stat().st_size for path in first) <= 110_000


def test_no_address_in_it_leaves_its_folder(site: Path) -> None:
    document = (site / "index.html").read_text()
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', document)
    assert addresses
    assert all(address.startswith("./") for address in addresses)
    for address in addresses:
        assert (site / address).exists() or address == "./poster", address
    assert 'http-equiv="Content-Security-Policy"' in document
    assert "frame-ancestors" not in document
    manifest = json.loads((site / "manifest.webmanifest").read_text())
    assert (manifest["start_url"], manifest["scope"], manifest.get("id")) == ("./", "./", None)


def test_classes_of_somebody_elses_model_are_in_it(site: Path) -> None:
    names = json.loads((site / "data/classes.en.json").read_text())["classes"]
    assert [each["id"] for each in names] == ["kaca", "popok", "ban-bekas"]
    assert names[0]["name"] == "Glass"
    schemes = json.loads((site / "data/schemes.id.json").read_text())
    for scheme in schemes["schemes"]:
        assert json.loads((site / f"data/dictionary.{scheme['id']}.id.json").read_text())["scheme"] == scheme["id"]
        assert (site / f"poster/{scheme['id']}.en.html").is_file()


def test_it_says_how_to_put_it_up(site: Path) -> None:
    readme = (site / "README.md").read_text()
    assert "python -m http.server" in readme
    assert "wasm-unsafe-eval" in readme
    assert "{{" not in readme
    assert (site / ".nojekyll").exists()


def test_a_site_is_replaced_and_anything_else_refused(site: Path, tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    other = tmp_path / "own"
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    with pytest.raises(ServiceError, match="holds something else"):
        write_site(other, bundle)
    assert (other / "letter.txt").read_text() == "mine"
    (site / "phone" / "old.bin").write_bytes(b"old")
    write_site(site, bundle, service="https://sorting.example.org/eco")
    assert not (site / "phone" / "old.bin").exists()
    (host,) = site.glob("static/*/host.js")
    assert 'SERVICE = "https://sorting.example.org/eco/"' in host.read_text()
    assert "connect-src 'self' https://sorting.example.org;" in (site / "index.html").read_text().replace("&#x27;", "'")


@pytest.mark.parametrize("address", ["sorting.example.org", "ftp://x.example", "https://", "https://x.example/?a=1"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ServiceError, match="no address of a service"):
        write_site(tmp_path / "out", tiny_bundle(tmp_path / "bundle"), service=address)
