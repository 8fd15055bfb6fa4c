from datetime import UTC, datetime

import pytest

from ecosorter.errors import StoreError
from ecosorter.serving.store import Store
from ecosorter.serving.store.tokens import Person
from tests.serving.store.said import rows, run


def test_a_token_stands_for_its_person_and_is_not_kept(store: Store, database: str) -> None:
    token = store.tokens.create(" Ani ", "reviewer")
    assert store.tokens.person(token) == Person("Ani", "reviewer")
    (row,) = rows(database, "tokens")
    secret = token.split("_", 2)[2]
    assert not any(secret in str(value) for value in row.values())
    (known,) = store.tokens.all()
    assert (known.name, known.role, known.revoked) == ("Ani", "reviewer", None)
    assert secret not in repr(known)


def test_the_day_of_the_last_use_is_noted(store: Store, database: str) -> None:
    token = store.tokens.create("ani", "admin")
    assert [known.last_used for known in store.tokens.all()] == [None]
    store.tokens.person(token)
    today = datetime.now(UTC).date()
    assert [known.last_used for known in store.tokens.all()] == [today]
    run(database, "UPDATE tokens SET last_used = '2026-01-01'")
    store.tokens.person(token)
    assert [known.last_used for known in store.tokens.all()] == [today]


def test_what_is_no_token_stands_for_nobody(store: Store) -> None:
    token = store.tokens.create("ani", "admin")
    key, secret = token.split("_", 2)[1:]
    for wrong in ("", "eco", "eco__", f"eco_{key}_", f"eco_{key}_x", f"{token}x", token[:-1], token.upper(), secret):
        assert store.tokens.person(wrong) is None, wrong
    for wrong in (f"ecö_{key}_{secret}", f"eco_\x00_{secret}", f"eco_é_{secret}", f"eco_{key}_\udc80", "_" * 9999):
        assert store.tokens.person(wrong) is None, wrong


def test_a_revoked_token_is_over_and_its_person_may_get_another(store: Store) -> None:
    token = store.tokens.create("ani", "admin")
    with pytest.raises(StoreError, match="ani has a token already"):
        store.tokens.create("ani", "reviewer")
    store.tokens.revoke("ani")
    assert store.tokens.person(token) is None
    with pytest.raises(StoreError, match="ani has no valid token"):
        store.tokens.revoke("ani")
    assert store.tokens.person(store.tokens.create("ani", "reviewer")) == Person("ani", "reviewer")
    assert [known.revoked is None for known in store.tokens.all()] == [False, True]


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "a\nb", "a\x00b"])
def test_a_token_needs_a_name(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="name"):
        store.tokens.create(name, "reviewer")
