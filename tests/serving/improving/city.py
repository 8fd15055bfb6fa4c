"""A small city for the tests: a model that can be taught, and people who correct what it says."""

from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

from ecosorter.bundle import Bundle
from ecosorter.serving.improving.people import is_held_out
from ecosorter.serving.store import Store
from ecosorter.serving.store.corrections import Receipt, pseudonym
from tests.serving.store.said import said
from tests.teaching.teachable import TINTS, teachable, tinted

PLACE = {"kaca": "baterai", "khusus": "popok", "organik": "organik"}
"""In this city, glass is orange and special waste is pink: what the model must learn."""


def base(folder: Path, **changes: str) -> Bundle:
    """Write a model that was trained elsewhere."""
    assert set(PLACE.values()) <= set(TINTS)
    return teachable(folder, **changes)


def people(number: int, *, held_out: bool) -> list[UUID]:
    """Return contributors who teach, or who measure; the same at each call."""
    found: list[UUID] = []
    count = 0
    while len(found) < number:
        count += 1
        person = UUID(bytes=sha256(f"person {count}".encode()).digest()[:16], version=4)
        if is_held_out(pseudonym(person)) == held_out:
            found.append(person)
    return found


def contribute(
    store: Store, who: Sequence[UUID], *, each: int = 2, seed: int = 0, shift: bool = False, reviewer: str = "ani"
) -> list[UUID]:
    """Let people send photos of every class and say what they are; a reviewer accepts all of it.

    Args:
        store: where to.
        who: sends them.
        each: photos of each class that each sends.
        seed: makes other photos.
        shift: say the next class of each.
        reviewer: accepts it.
    """
    labels = list(PLACE)
    ids = []
    for number, person in enumerate(who):
        for place, (label, tint) in enumerate(PLACE.items()):
            for n in range(each):
                truth = labels[(place + 1) % len(labels)] if shift else label
                buffer = BytesIO()
                tinted(tint, 50_000 + seed + number * 100 + place * 30 + n).save(buffer, "PNG")
                new = said(truth=truth, best="organik", contributor=person, model_version="1")
                receipt = store.corrections.add(uuid4(), new, buffer.getvalue())
                assert isinstance(receipt, Receipt)
                store.reviews.decide(receipt.id, reviewer, "accept")
                ids.append(receipt.id)
    return ids


def city(store: Store, *, teachers: int = 8, measurers: int = 3) -> list[UUID]:
    """Fill a store with what an improvement needs; return what the teachers sent."""
    contribute(store, people(measurers, held_out=True), seed=20_000)
    return contribute(store, people(teachers, held_out=False))
