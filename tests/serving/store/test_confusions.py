from pathlib import Path
from uuid import uuid4

from ecosorter.serving.store import Store
from ecosorter.serving.store.confusions import Cell
from ecosorter.serving.store.corrections import pseudonym
from tests.serving.store.said import SECRET, keep
from tests.serving.store.test_models import add


def test_answers_are_counted_by_what_reviewers_say_and_what_the_model_sees(store: Store, tmp_path: Path) -> None:
    person = uuid4()
    photos = [keep(store, shade, truth="kaca", contributor=person) for shade in range(5)]
    for correction in photos[:4]:
        store.reviews.decide(correction, "ani", "accept")
    store.reviews.decide(photos[3], "ani", "relabel", "logam")
    lessons = {id_: ("taught", "plastik" if n else "kaca") for n, id_ in enumerate(photos)}
    model = add(store, tmp_path, "1", lessons=lessons)
    other = add(store, tmp_path, "2", lessons={photos[0]: ("held_out", "logam")})

    assert store.confusions.of(model.id) == [
        Cell("kaca", "kaca", 1),
        Cell("kaca", "plastik", 2),
        Cell("logam", "plastik", 1),
    ]
    assert store.confusions.of(other.id) == [Cell("kaca", "logam", 1)]
    shown = store.confusions.photos(model.id, "kaca", "plastik", 10)
    assert [each.id for each in shown] == [photos[2], photos[1]]
    assert {(each.said, each.truth, each.best, each.contributor) for each in shown} == {
        ("kaca", "kaca", "plastik", pseudonym(person))
    }
    assert len(store.confusions.photos(model.id, "kaca", "plastik", 1)) == 1
    assert [each.truth for each in store.confusions.photos_of(pseudonym(person), 10)] == [
        None,  # is still open
        "logam",
        "kaca",
        "kaca",
        "kaca",
    ]

    store.corrections.withdraw(photos[1], SECRET)
    assert [each.id for each in store.confusions.photos(model.id, "kaca", "plastik", 10)] == [photos[2]]
    assert Cell("kaca", "plastik", 1) in store.confusions.of(model.id)
    assert photos[1] not in {each.id for each in store.confusions.photos_of(pseudonym(person), 10)}
