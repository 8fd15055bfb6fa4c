"""The people of the simulated city: whose photos are whose, what they say, and the model that they start with."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ecosorter.bundle import Bundle, load_bundle, shipped_bundles, write_bundle
from ecosorter.datasets.dataset import PhotoRow, load_dataset
from ecosorter.decision import Thresholds
from ecosorter.preprocess import decode_views
from ecosorter.teaching.bank import load_bank, make_bank
from ecosorter.teaching.linear_head import LinearHead, with_head
from ecosorter.teaching.refit import balanced_weights

SOURCES = ("trashnet", "siscer", "kitchen-bangladesh", "drinking-waste")
"""Whose objects the people of the city have."""

FIFTH = "taco-crops"
"""A source that nobody of the city corrects."""

_NEAR = 0.25  # cosine distance up to which photos of one class and source show one object


@dataclass(slots=True)
class Person:
    """Somebody with a phone.

    Attributes:
        id: random, as a phone makes it.
        source: from which the photos are.
        photos: of objects that nobody else has.
        corrects: whether this one ever says what an item really is.
        wrong: what this one says of each photo when it is not the truth.
    """

    id: UUID
    source: str
    photos: list[PhotoRow]
    corrects: bool
    wrong: dict[Path, str] = field(default_factory=dict)


def start_model(folder: Path) -> Bundle:
    """Write the model that the city starts with: the shipped network, and a head and bank without its five sources.

    The network in the body was pretrained on ImageNet and never fitted to photos of waste, so that the head is all
    that could know them.
    """
    shipped = load_bundle(shipped_bundles()[0])
    bank = load_bank(shipped)
    row_sources = np.array(bank.row_sources)
    kept = ~np.isin(row_sources, (*SOURCES, FIFTH))
    classes = shipped.info.classes
    labels = np.array([classes.index(name) for name in bank.classes])[bank.labels][kept]
    features, sources = bank.features[kept], row_sources[kept]
    head = _head(features, labels, sources)
    info = shipped.info.model_copy(
        update={
            "name": "city-start",
            "version": "1",
            "temperature": 1.5,  # does not move which class is the best
            "thresholds": Thresholds(confidence=0.6, conformal=0.9),
            "metrics": {},
            "data": [one for one in shipped.info.data if one.name not in (*SOURCES, FIFTH)],
            "recipe": {"name": "benchmarks.city"},
        }
    )
    graph = with_head(onnx.load(shipped.model_path), head).SerializeToString()
    content = make_bank(features, labels, list(map(str, sources)), classes)
    return write_bundle(folder, graph, info, "# Start of the simulated city\n", bank=content)


def refuse_one_that_knows(bundle: Bundle) -> None:
    """Leave the program when a model has learnt from the photos of the city."""
    names = {one.name for one in bundle.info.data} | set(load_bank(bundle).source_names)
    if known := sorted(names & {*SOURCES, FIFTH}):
        raise SystemExit(f"This model has learnt from {', '.join(known)}; the city needs one that has not.")


def _head(features: NDArray[np.float32], labels: NDArray[np.int64], sources: NDArray[np.str_]) -> LinearHead:
    scaler = StandardScaler()
    weights = balanced_weights(labels, sources, np.zeros(len(labels), np.bool_)) * len(labels)
    fitted = LogisticRegression(C=0.00055, max_iter=200).fit(scaler.fit_transform(features), labels, weights)
    weight = (fitted.coef_ / scaler.scale_).T
    return LinearHead(weight.astype(np.float32), (fitted.intercept_ - scaler.mean_ @ weight).astype(np.float32))


def people(photos: Path, model: Bundle, most: int, each: int, seed: int) -> tuple[list[Person], list[PhotoRow]]:
    """Cut the sources into people by object, and return the photos of the fifth source beside them.

    Photos of one class and source whose features are near each other are one object; objects are dealt out so that
    every person has about `each` photos. Of five people, three correct.

    Args:
        photos: folder with a folder for each source.
        model: whose features are used.
        most: photos of a source.
        each: photos of a person, about.
        seed: draws.
    """
    random = np.random.default_rng(seed)
    found = []
    for source in SOURCES:
        rows = _some(photos / source, most, random)
        objects = _objects(rows, _features(model, rows))
        random.shuffle(objects)
        hands: list[list[PhotoRow]] = [[] for _ in range(max(5, len(rows) // each))]
        for one in objects:
            min(hands, key=len).extend(one)
        for number, hand in enumerate(hands):
            if hand:
                found.append(Person(UUID(bytes=random.bytes(16), version=4), source, hand, number % 5 < 3))
    return found, _some(photos / FIFTH, min(most, 150), random)


def _some(folder: Path, most: int, random: np.random.Generator) -> list[PhotoRow]:
    """Return some photos of a source, as many of each class as of every other where there are so many."""
    by_class = defaultdict(list)
    for row in load_dataset([folder]).rows:
        by_class[row.label].append(row)
    mixed = [[rows[i] for i in random.permutation(len(rows))] for rows in by_class.values()]
    longest = max(map(len, mixed))
    return [rows[turn] for turn in range(longest) for rows in mixed if turn < len(rows)][:most]


def _features(model: Bundle, rows: Sequence[PhotoRow]) -> NDArray[np.float32]:
    """Return the features of each photo's first view, good enough to tell one object from another."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.model_path, options)
    first = model.info.preprocess.model_copy(update={"zooms": model.info.preprocess.zooms[:1]})
    return np.concatenate([session.run(["features"], {"pixels": decode_views(row.path, first)})[0] for row in rows])


def _objects(rows: Sequence[PhotoRow], features: NDArray[np.float32]) -> list[list[PhotoRow]]:
    found: dict[tuple[str, int], list[PhotoRow]] = defaultdict(list)
    for label in sorted({row.label for row in rows}):
        mine = [i for i, row in enumerate(rows) if row.label == label]
        if len(mine) == 1:
            found[label, 0].append(rows[mine[0]])
            continue
        cut = AgglomerativeClustering(None, metric="cosine", linkage="average", distance_threshold=_NEAR)
        for i, number in zip(mine, cut.fit_predict(features[mine]), strict=True):
            found[label, int(number)].append(rows[i])
    return list(found.values())
