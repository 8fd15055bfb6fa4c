from pathlib import Path

from ecosorter.datasets.published import published
from ecosorter.datasets.sources import known_sources


def test_every_known_source_tells_where_it_is_from() -> None:
    known = known_sources()
    assert known
    assert all(entry.trust in "ABC" and entry.licence and entry.origin and entry.shows for entry in known.values())


def test_the_sources_of_the_shared_photos_are_known(shared: Path) -> None:
    fetched = set(published()) - {"trashnet"}
    assert {path.name for path in (shared / "photos").iterdir() if path.is_dir()} == set(known_sources()) - fetched


def test_what_can_be_fetched_is_known_with_its_people() -> None:
    for name in set(published()) - {"trashnet"}:
        assert known_sources()[name].people
        assert known_sources()[name].licence == published()[name].licence
