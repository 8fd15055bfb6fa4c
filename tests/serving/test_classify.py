import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ecosorter.classifier import Classifier
from ecosorter.decision import Thresholds
from ecosorter.guidance import guide
from ecosorter.preprocess import PreprocessSpec
from ecosorter.serving.app import create_app
from ecosorter.serving.engine import Engine
from ecosorter.serving.settings import Access, Caps
from ecosorter.texts import LANGUAGES, Language, class_name, texts
from tests.serving.live import running
from tests.tiny import COLOURS, encoded, photo, tiny_bundle

OPEN = Access(rate=0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("classify") / "bundle").folder


@pytest.fixture(scope="module")
def address(bundle: Path) -> Iterator[str]:
    with running(create_app(bundle, caps=Caps(photos=6), access=OPEN)) as at:
        yield f"{at}/v1/classify"


def sent(address: str, *photos: bytes, **query: Any) -> Any:
    files = [("photos", (f"{number}.png", content)) for number, content in enumerate(photos)]
    answer = httpx.post(address, files=files, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_says_everything(address: str, bundle: Path, language: Language) -> None:
    found = sent(address, photo(COLOURS["kaca"]), lang=language)
    assert found["model"] == {"name": "tiny", "version": "1"}
    assert found["request_id"]
    (result,) = found["results"]
    (prediction,) = Classifier.load(bundle).classify([photo(COLOURS["kaca"])])
    assert result == {
        "name": "0.png",
        "status": "ok",
        "label": "kaca",
        "label_name": class_name("kaca", language),
        "best": "kaca",
        "best_name": class_name("kaca", language),
        "confidence": prediction.confidence,
        "certainty": "sure",
        "certainty_words": texts("service", language)["sure"],
        "reason": "confident",
        "candidates": [
            {"id": label, "name": class_name(label, language), "probability": prediction.probabilities[label]}
            for label in prediction.candidates
        ],
        "probabilities": prediction.probabilities,
        "guidance": guide("kaca", "permen-pu-2013", language=language).model_dump(mode="json"),
        "cam": None,
        "asked": False,
        "problem": None,
    }


def test_one_bad_photo_does_not_fail_the_others(address: str) -> None:
    whole = photo(COLOURS["logam"], "JPEG", (640, 480))
    found = sent(address, photo(), b"", whole[:400], b"<html>", whole, lang="en")
    assert [result["status"] for result in found["results"]] == ["ok", "empty", "truncated", "html", "ok"]
    assert [result["label"] for result in found["results"]] == ["plastik", None, None, None, "logam"]
    assert [result["name"] for result in found["results"]] == [f"{number}.png" for number in range(5)]
    cut = found["results"][2]
    assert cut["problem"] == {
        "code": "photo_truncated",
        "title": "The photo cannot be used",
        "detail": "The photo ends too early; copy or download it again.",
    }
    assert {cut[key] for key in ("best", "confidence", "certainty", "guidance")} == {None}


def test_one_photo_may_come_as_it_is(address: str) -> None:
    answer = httpx.post(address, content=photo(kind="JPEG"), headers={"Content-Type": "image/jpeg"})
    (result,) = answer.json()["results"]
    assert (result["name"], result["label"]) == ("", "plastik")


def test_not_sure_gives_the_candidates_and_the_cautious_word(tmp_path: Path) -> None:
    classes = ("kaca", "khusus")
    bundle = tiny_bundle(tmp_path / "b", classes, thresholds=Thresholds(confidence=1, conformal=1)).folder
    with running(create_app(bundle, access=OPEN)) as at:
        (result,) = sent(f"{at}/v1/classify", photo((120, 90, 80)))["results"]
    assert result["label"] is None
    assert result["label_name"] is None
    assert result["certainty"] == "unsure"
    assert result["certainty_words"] == texts("service", "id")["unsure"]
    assert {candidate["id"] for candidate in result["candidates"]} == set(classes)
    assert result["guidance"]["cautious"]
    assert result["guidance"]["label"] == "khusus"


def test_an_answer_that_is_just_probable_is_called_likely(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "b", thresholds=Thresholds(confidence=0.2, conformal=1)).folder
    with running(create_app(bundle, access=OPEN)) as at:
        (result,) = sent(f"{at}/v1/classify", photo((110, 130, 140)))["results"]
    assert result["label"] is not None
    assert result["confidence"] < 0.9
    assert result["certainty"] == "likely"


def test_the_scheme_that_was_asked_for_answers(address: str) -> None:
    (result,) = sent(address, photo(), scheme="jakarta-2020")["results"]
    assert result["guidance"]["scheme"] == "jakarta-2020"
    answer = httpx.post(address, files={"photos": photo()}, params={"scheme": "jakarta"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_scheme")
    assert "jakarta-2020" in answer.json()["detail"]


def test_the_map_shows_where(address: str) -> None:
    picture = Image.new("RGB", (64, 64), COLOURS["kaca"])
    picture.paste(COLOURS["plastik"], (0, 0, 64, 16))
    (result,) = sent(address, encoded(picture, "PNG"), cam=True)["results"]
    levels = np.array(result["cam"]["levels"])
    assert result["best"] == "kaca"
    assert levels.dtype.kind == "i"
    assert 0 <= levels.min() < levels.max() <= 255
    assert levels[-1].min() > levels[0].max()
    assert result["cam"]["box"] == [0, 0, 1, 1]


def test_the_map_of_a_model_that_crops_says_which_part_it_covers(tmp_path: Path) -> None:
    crop = PreprocessSpec(size=6, resize="crop", shorter_side=8, mean=(0, 0, 0), std=(1, 1, 1), zooms=(0.5, 1.0))
    bundle = tiny_bundle(tmp_path / "b", size=6, preprocess=crop).folder
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera lay on its side: upright, the photo is twice as high as wide
    lying = encoded(Image.new("RGB", (160, 80), COLOURS["kaca"]), "JPEG", exif=turned)
    with running(create_app(bundle, access=OPEN)) as at:
        wide, high = sent(f"{at}/v1/classify", photo(COLOURS["kaca"], size=(160, 80)), lying, cam=True)["results"]
    # 6 of 8 rows and 6 of 16 columns of the scaled photo, one after the first; of these the middle half.
    assert wide["cam"]["box"] == pytest.approx([5 / 16 + 1.5 / 16, 1 / 8 + 1.5 / 8, 5 / 16 + 4.5 / 16, 1 / 8 + 4.5 / 8])
    left, top, right, bottom = wide["cam"]["box"]
    assert high["cam"]["box"] == pytest.approx([top, left, bottom, right])


def test_too_many_photos_are_refused(address: str) -> None:
    answer = httpx.post(address, files=[("photos", photo())] * 7)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_photos")


@pytest.mark.parametrize("query", ["cam=perhaps", "lang=fr", f"scheme={'x' * 101}"])
def test_wrong_parameters_are_told(address: str, query: str) -> None:
    answer = httpx.post(f"{address}?{query}", files={"photos": photo()})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")


class Slow(Classifier):
    """A classifier whose model waits until somebody opens the gate."""

    gate: threading.Event

    def predict_with_features(self, photos: Sequence[NDArray[np.uint8]]) -> Any:
        assert self.gate.wait(20)
        return super().predict_with_features(photos)


def test_a_full_queue_and_slow_answers_are_prompt_problems_and_it_recovers(bundle: Path) -> None:
    app = create_app(bundle, caps=Caps(seconds=1), access=OPEN)
    slow = Slow.load(bundle)
    slow.gate = threading.Event()
    app.state.engine = Engine(slow, lambda: slow, queue=2, batch=1, threads=1)

    async def scene(at: str) -> list[tuple[int, str, bool]]:
        async with httpx.AsyncClient(base_url=at, timeout=30) as client:
            posts = []
            # The body of a refused request is large: it must not matter that nobody reads it.
            for content in (photo(), photo(), b"x" * 3_000_000, b"x" * 3_000_000):
                posts.append(asyncio.create_task(client.post("/v1/classify", files={"photos": content})))
                await asyncio.sleep(0.1)
            answers = await asyncio.gather(*posts)
            slow.gate.set()
            again = await client.post("/v1/classify", files={"photos": photo()})
            assert again.status_code == 200
        return [(answer.status_code, answer.json()["code"], "retry-after" in answer.headers) for answer in answers]

    with running(app) as at:
        assert asyncio.run(scene(at)) == [
            (504, "took_too_long", False),
            (504, "took_too_long", False),
            (503, "queue_full", True),
            (503, "queue_full", True),
        ]
