"""The larger recipe: transformers as they came, on fetched photos beside others, by the same yardstick."""

import json
from pathlib import Path

import pytest

from ecosorter import Classifier, load_bundle
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.fetch import Request, fetch
from ecosorter.training.recipe import load_recipe
from ecosorter.training.run import train
from ecosorter.training.tracking.tracker import NoTracker
from tests.datasets.site import board, coco, open_site, write_batch
from tests.datasets.test_open_images import box_line, image_line, tables
from tests.training import networks
from tests.training.boards import photos, recipe

CAN, JAR = {"red": (100, 60, 200, 160)}, {"green": (120, 40, 180, 200)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos as somebody has them who has fetched three sets: two from a server, one from a folder."""
    folder = tmp_path_factory.mktemp("large")
    photos(folder / "shared")
    with pytest.MonkeyPatch.context() as patch, open_site() as site:
        patch.setenv("NO_PROXY", "127.0.0.1")
        litter = [CAN, JAR, CAN, JAR]
        kinds = {"red": "Drink can", "green": "Glass jar"}
        site.files["/taco.json"] = json.dumps(coco(litter, kinds, base=site.url)).encode()
        site.files |= {f"/{number:04}.jpg": board(things) for number, things in enumerate(litter)}
        fetch("taco", folder / "fetched", Request(url=f"{site.url}/taco.json"))
        names = [f"{number:04x}" for number in range(4)]
        files = tables([box_line(name) for name in names], [image_line(name, f"Person {name}") for name in names])
        site.files |= {f"/{path}": text.encode() for path, text in files.items()}
        site.files |= {f"/validation/{name}.jpg": board({"red": (40, 30, 200, 150)}) for name in names}
        fetch("open-images", folder / "fetched", Request(url=site.url, each=3))
    write_batch(folder / "trash/batch_01", [JAR, JAR], {"green": "Glass"})
    fetch("recycle-trash", folder / "fetched", Request(batches=folder / "trash"))
    return folder


def test_it_runs_on_fetched_photos_and_names_their_people(place: Path) -> None:
    # SigLIP goes the same way once it is a graph, which test_huggingface.py shows: each conversion costs seconds.
    out = place / "out"
    chosen = recipe(
        "ecosorter-large",
        networks.dinov2_folder(out / "net"),
        **{"features.preprocess.size": 56, "export.ood": False, "evaluation.aside": ["floor"]},
        **{"evaluation.left_out": [["board", "taco"]]},
    )
    given = [place / "shared", place / "fetched"]
    result = train(given, out / "run", chosen, Cache(place / "cache"), NoTracker())
    assert result.left_out_together == (("board", "taco"), ("floor",), ("open-images",), ("recycle-trash",))
    assert result.unseen().aside is not None
    bundle = load_bundle(out / "run/bundle")
    assert bundle.info.metrics["onnx_parity"]["difference"] < 1e-3
    assert bundle.info.bank_sha256
    assert {source.name: source.licence for source in bundle.info.data}["recycle-trash"] == "CC-BY-4.0"
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "| 3 named in its manifest | https://creativecommons.org/licenses/by/2.0/ |" in card
    assert "| NAVER Connect Foundation | CC-BY-4.0 |" in card
    named = (bundle.load_attribution() or "").splitlines()
    assert sum(",Person " in line for line in named) == 3
    assert sum(line.startswith("taco,") for line in named) == 4
    photo = next((place / "fetched/taco/logam").iterdir())
    assert Classifier.load(bundle.folder).classify([photo])[0].status == "ok"


def test_its_yardstick_is_that_of_the_model_that_ships() -> None:
    large, ships = load_recipe("ecosorter-large"), load_recipe("ecosorter")
    assert large.evaluation.aside == ships.evaluation.aside
    assert large.evaluation.protocol == ships.evaluation.protocol
    together = [set(group) for group in large.evaluation.left_out]
    assert all(set(group) in together for group in ships.evaluation.left_out)
    assert large.decide == ships.decide
