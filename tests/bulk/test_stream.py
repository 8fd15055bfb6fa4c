"""Order, pauses, and memory that does not grow."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecosorter import Classifier, Limits
from ecosorter.bulk import Input, Record, RowFormat, find_inputs, stream
from tests.tiny import CLASSES, COLOURS, photo


def made(name: str, data: bytes, held: int = 0) -> Input:
    return Input(name, lambda: data, held)


def test_the_rows_are_those_of_the_classifier(classifier: Classifier, form: RowFormat, folder: Path) -> None:
    answers = [a for batch in stream(classifier, find_inputs(["in"], Limits()), form, batch_size=7) for a in batch]
    expected = classifier.classify(sorted(Path("in").iterdir()))
    assert [a.row["path"] for a in answers] == [p.path for p in expected]
    for answer, prediction in zip(answers, expected, strict=True):
        assert answer.prediction
        assert answer.row["status"] == prediction.status
        assert answer.row["label"] == prediction.label
        assert list(answer.row) == list(form.columns)
        if prediction.status == "ok":
            assert answer.row["confidence"] == pytest.approx(prediction.confidence, abs=1e-6)
            assert answer.row["p_kaca"] == pytest.approx(prediction.probabilities["kaca"], abs=1e-6)
            assert answer.row["top1"] == prediction.best
    assert [a.row["status"] for a in answers[5:7]] == ["empty", "html"]
    assert len({a.row["sha256"] for a in answers}) == 7  # four colours, one between, two bad files
    assert {a.row["model"] for a in answers} == {form.model}


def test_known_answers_pass_through_in_their_place(classifier: Classifier, form: RowFormat) -> None:
    known = [Record(None, {"path": str(number)}) for number in range(5)]
    items = [known[0], made("a", photo()), known[1], known[2], made("b", b""), known[3], known[4]]
    batches = list(stream(classifier, items, form, batch_size=2))
    assert [a.row["path"] for batch in batches for a in batch] == ["0", "a", "1", "2", "b", "3", "4"]
    assert [len(batch) for batch in batches] == [2, 2, 2, 1]


def test_a_pause_finishes_what_has_begun(classifier: Classifier, form: RowFormat) -> None:
    answered: list[int] = []
    pauses: list[int] = []

    def items() -> Iterator[Input | None]:
        for number in range(5):
            yield made(str(number), photo())
        yield None
        pauses.append(sum(answered))
        yield None

    batches = stream(classifier, items(), form, watcher=lambda batch: answered.append(len(batch)))
    assert [len(batch) for batch in batches] == [5, 0, 0]
    assert pauses == [5]


def test_few_photos_are_taken_ahead(classifier: Classifier, form: RowFormat) -> None:
    taken = 0

    def endless() -> Iterator[Input]:
        nonlocal taken
        while True:
            taken += 1
            yield made(str(taken), photo())

    answers = stream(classifier, endless(), form, batch_size=4)
    for _ in range(10):
        next(answers)
    assert taken <= 4 * 12


def test_bytes_in_memory_are_bounded(classifier: Classifier, form: RowFormat) -> None:
    """Photos of a compressed archive come with their bytes; only so many wait undecoded."""
    lock, unread, most = threading.Lock(), 0, 0
    size = 20_000_000

    def read() -> bytes:
        nonlocal unread
        with lock:
            unread -= 1
        return photo()

    def items() -> Iterator[Input]:
        nonlocal unread, most
        for number in range(60):
            with lock:
                unread += 1
                most = max(most, unread)
            yield Input(str(number), read, held=size)

    assert sum(map(len, stream(classifier, items(), form))) == 60
    assert most * size <= 64_000_000 + 2 * size


def test_stopping_half_way_leaves_no_threads(classifier: Classifier, form: RowFormat) -> None:
    answers = stream(classifier, (made(str(n), photo(COLOURS[CLASSES[0]])) for n in range(1000)), form)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("ecosorter-decode")]
