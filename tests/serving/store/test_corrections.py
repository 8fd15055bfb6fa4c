from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from ecosorter.errors import PhotoTruncated, StoreError
from ecosorter.serving.store import Store
from ecosorter.serving.store.photos import PhotoStore
from tests.serving.store.said import SECRET, files, grey, keep, rows, run, said
from tests.tiny import photo


def test_what_was_said_is_kept(store: Store, database: str, tmp_path: Path) -> None:
    receipt = store.corrections.add(uuid4(), said(contributor=(device := uuid4())), photo())
    assert receipt is not None
    assert receipt.new
    assert receipt.photo_kept
    (row,) = store.corrections.listed()
    assert (row.id, row.created) == (receipt.id, receipt.created)
    assert (row.model, row.best, row.label, row.truth, row.confidence) == ("tiny 1", "plastik", None, "kaca", 0.4)
    assert (row.consent, row.state, row.settled) == ("given", "open", None)
    assert files(tmp_path / "photos") == {f"{row.photo}.jpg"}
    (raw,) = rows(database)
    assert SECRET not in map(str, raw.values())
    assert str(device) not in map(str, raw.values())
    assert device.hex not in map(str, raw.values())


def test_without_a_photo_only_the_labels_are_kept(store: Store, tmp_path: Path) -> None:
    receipt = store.corrections.add(uuid4(), said(consent=False), None)
    assert receipt is not None
    assert not receipt.photo_kept
    assert [row.photo for row in store.corrections.listed()] == [None]
    assert files(tmp_path / "photos") == set()


def test_no_photo_is_kept_without_consent(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="consent"):
        store.corrections.add(uuid4(), said(consent=False), photo())
    assert store.corrections.listed() == []
    assert files(tmp_path / "photos") == set()


def test_nothing_is_kept_of_a_photo_that_cannot_be_read(store: Store, database: str, tmp_path: Path) -> None:
    with pytest.raises(PhotoTruncated):
        store.corrections.add(uuid4(), said(), photo(kind="JPEG", size=(99, 99))[:-200])
    assert rows(database) == []
    assert files(tmp_path / "photos") == set()


def test_the_same_request_counts_once_and_another_one_is_refused(store: Store) -> None:
    key, what = uuid4(), said()
    first = store.corrections.add(key, what, grey(1))
    again = store.corrections.add(key, what, grey(1))
    assert first is not None
    assert again is not None
    assert (first.new, again.new) == (True, False)
    assert (first.id, first.created, first.photo_kept) == (again.id, again.created, again.photo_kept)
    assert store.corrections.add(key, said(truth="logam", contributor=what.contributor), grey(1)) is None
    assert store.corrections.add(key, what, grey(2)) is None
    assert store.corrections.add(key, what, None) is None
    assert len(store.corrections.listed()) == 1


def test_the_same_request_from_several_threads_counts_once(store: Store, tmp_path: Path) -> None:
    key, what = uuid4(), said()
    with ThreadPoolExecutor(8) as threads:
        receipts = list(threads.map(lambda _: store.corrections.add(key, what, grey(1)), range(16)))
    assert sum(receipt.new for receipt in receipts if receipt) == 1
    assert len({receipt.id for receipt in receipts if receipt}) == 1
    assert all(receipt and receipt.photo_kept for receipt in receipts)
    assert len(store.corrections.listed()) == len(files(tmp_path / "photos")) == 1


def test_withdrawing_deletes_the_photo_and_leaves_the_labels(store: Store, database: str, tmp_path: Path) -> None:
    correction = keep(store)
    assert store.corrections.withdraw(correction, "5e" * 31 + "5f") == "wrong_secret"
    assert store.corrections.withdraw(uuid4(), SECRET) == "unknown"
    assert len(files(tmp_path / "photos")) == 1
    for _ in range(2):
        assert store.corrections.withdraw(correction, SECRET) == "done"
        (row,) = store.corrections.listed()
        assert (row.photo, row.consent, row.truth) == (None, "withdrawn", "kaca")
        assert files(tmp_path / "photos") == set()
    assert rows(database)[0]["sha256"] is None


def test_a_request_sent_again_after_the_withdrawal_brings_nothing_back(store: Store, tmp_path: Path) -> None:
    key, what = uuid4(), said()
    receipt = store.corrections.add(key, what, photo())
    assert receipt is not None
    store.corrections.withdraw(receipt.id, SECRET)
    again = store.corrections.add(key, what, photo())
    assert again is not None
    assert (again.id, again.photo_kept) == (receipt.id, False)
    assert files(tmp_path / "photos") == set()


def test_a_photo_stays_while_somebody_else_consents_to_it(store: Store, tmp_path: Path) -> None:
    first, second = keep(store, 7), keep(store, 7)
    assert len(files(tmp_path / "photos")) == 1
    store.corrections.withdraw(first, SECRET)
    assert len(files(tmp_path / "photos")) == 1
    assert store.reviews.photo(first) is None
    assert store.reviews.photo(second)
    store.corrections.withdraw(second, SECRET)
    assert files(tmp_path / "photos") == set()


def test_rows_and_photos_agree_while_the_same_photo_comes_and_goes(store: Store, tmp_path: Path) -> None:
    def come_and_go(number: int) -> None:
        correction = keep(store, number % 2)
        if number % 3:
            assert store.corrections.withdraw(correction, SECRET) == "done"

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(come_and_go, range(40)))
    assert {f"{row.photo}.jpg" for row in store.corrections.listed() if row.photo} == files(tmp_path / "photos")
    for row in store.corrections.listed():
        assert (row.consent == "given") == (row.photo is not None)


class BrokenPlace(PhotoStore):
    """Photos in a folder that takes nothing and lets go of nothing, as a full or unreachable one does."""

    def put(self, sha256: str, jpeg: bytes) -> None:  # noqa: ARG002
        raise StoreError("No space left.")

    def delete(self, sha256: str) -> None:  # noqa: ARG002
        raise StoreError("No answer.")


def break_place(store: Store, tmp_path: Path) -> None:
    store.corrections._photos = BrokenPlace(str(tmp_path / "photos"))


def test_what_broke_off_before_the_photo_is_not_seen_and_can_be_sent_again(database: str, tmp_path: Path) -> None:
    key, what = uuid4(), said()
    with Store.open(database, str(tmp_path / "photos")) as store:
        break_place(store, tmp_path)
        with pytest.raises(StoreError, match="space"):
            store.corrections.add(key, what, photo())
        assert store.corrections.listed() == []
        assert store.statistics().total == 0
        assert store.reviews.queue("ani", 9) == ([], 0)
    with Store.open(database, str(tmp_path / "photos")) as store:
        receipt = store.corrections.add(key, what, photo())
        assert receipt is not None
        assert receipt.photo_kept
        assert len(store.corrections.listed()) == len(files(tmp_path / "photos")) == 1


def test_what_broke_off_and_is_not_sent_again_is_forgotten(database: str, tmp_path: Path) -> None:
    place = str(tmp_path / "photos")
    with Store.open(database, place) as store:
        keep(store, 1)
        break_place(store, tmp_path)
        for shade in (1, 2):
            with pytest.raises(StoreError):
                keep(store, shade)
    (sha256,) = {row["sha256"] for row in rows(database)} - {name[:64] for name in files(tmp_path / "photos")}
    partial = tmp_path / "photos" / sha256[:2] / f".{sha256[:50]}.0a1b2c3d.part.jpg"
    partial.parent.mkdir(exist_ok=True)
    partial.write_bytes(b"half a photo")
    Store.open(database, place).close()
    assert len(rows(database)) == 3  # they may be on their way at this moment, in another process
    run(database, "UPDATE corrections SET created = '2026-01-01 00:00:00.000000' WHERE photo = 'pending'")
    with Store.open(database, place) as store:
        (row,) = store.corrections.listed()
        assert len(rows(database)) == 1
        assert files(tmp_path / "photos") == {f"{row.photo}.jpg"}


def test_a_withdrawal_that_broke_off_is_completed(database: str, tmp_path: Path) -> None:
    place = str(tmp_path / "photos")
    with Store.open(database, place) as store:
        correction = keep(store)
        break_place(store, tmp_path)
        with pytest.raises(StoreError):
            store.corrections.withdraw(correction, SECRET)
        assert store.reviews.photo(correction) is None
        assert [(row.consent, row.photo) for row in store.corrections.listed()] == [("withdrawn", None)]
    with Store.open(database, place) as store:
        assert files(tmp_path / "photos") == set()
        assert [row["photo"] for row in rows(database)] == ["none"]


def test_a_photo_that_is_encoded_differently_since_is_kept_all_the_same(database: str, tmp_path: Path) -> None:
    key, what = uuid4(), said()
    with Store.open(database, str(tmp_path / "photos")) as store:
        break_place(store, tmp_path)
        with pytest.raises(StoreError):
            store.corrections.add(key, what, photo())
    run(database, f"UPDATE corrections SET sha256 = '{'0' * 64}'")  # noqa: S608
    with Store.open(database, str(tmp_path / "photos")) as store:
        receipt = store.corrections.add(key, what, photo())
        assert receipt is not None
        assert receipt.photo_kept
        assert {f"{row.photo}.jpg" for row in store.corrections.listed()} == files(tmp_path / "photos")


def test_the_latest_come_first_and_can_be_chosen_by_state(store: Store) -> None:
    ids = [keep(store, shade) for shade in range(3)]
    store.reviews.decide(ids[1], "ani", "accept")
    assert [row.id for row in store.corrections.listed()] == ids[::-1]
    assert [row.id for row in store.corrections.listed(limit=1)] == [ids[2]]
    assert [row.id for row in store.corrections.listed(state="accepted")] == [ids[1]]


def test_only_what_was_settled_as_a_class_with_consent_can_be_learnt_from(store: Store) -> None:
    accepted, relabelled, rejected, withdrawn, other, _open = (
        keep(store, shade, truth="other" if shade == 4 else "kaca") for shade in range(6)
    )
    store.reviews.decide(relabelled, "ani", "relabel", "logam")
    for correction in (accepted, withdrawn, other):
        store.reviews.decide(correction, "ani", "accept")
    store.reviews.decide(rejected, "ani", "reject")
    store.corrections.withdraw(withdrawn, SECRET)
    assert [(row.id, row.settled) for row in store.corrections.usable()] == [(relabelled, "logam"), (accepted, "kaca")]


def test_statistics_count_what_there_is(store: Store) -> None:
    device = uuid4()
    accepted = keep(store, 1, contributor=device)
    withdrawn = keep(store, 2, contributor=device, truth="plastik")
    keep(store, 3)
    store.corrections.add(uuid4(), said(consent=False, truth="logam"), None)
    store.reviews.decide(accepted, "ani", "accept")
    store.corrections.withdraw(withdrawn, SECRET)
    found = store.statistics()
    assert (found.total, found.right, found.with_photo, found.contributors) == (4, 1, 2, 3)
    assert found.by_state == {"accepted": 1, "open": 3}
    assert found.by_consent == {"given": 2, "none": 1, "withdrawn": 1}
    assert list(found.confusions.items()) == [(("plastik", "kaca"), 2), (("plastik", "logam"), 1)]
