"""Who may see what models confuse, and the photos behind it."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from ecosorter.serving.store import Store
from ecosorter.serving.store.corrections import pseudonym
from tests.serving.store.said import keep
from tests.serving.store.test_models import add

PERSON = uuid4()


@pytest.fixture
def model(store: Store, tmp_path: Path) -> str:
    """A model that saw plastic in a photo of glass."""
    photo = keep(store, 7, truth="kaca", contributor=PERSON)
    store.reviews.decide(photo, "ani", "accept")
    return str(add(store, tmp_path, "1", lessons={photo: ("held_out", "plastik")}).id)


def token(store: Store, role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {store.tokens.create(role, role)}"}  # type: ignore[arg-type]


def test_a_number_leads_to_its_photos(client: httpx.Client, store: Store, model: str) -> None:
    headers = token(store, "admin")
    cells = client.get(f"/v1/admin/models/{model}/confusions", headers=headers).json()["cells"]
    assert cells == [{"truth": "kaca", "best": "plastik", "photos": 1}]
    query = {"truth": "kaca", "best": "plastik"}
    (shown,) = client.get(f"/v1/admin/models/{model}/photos", params=query, headers=headers).json()["photos"]
    assert (shown["said"], shown["truth"], shown["best"]) == ("kaca", "kaca", "plastik")
    photo = client.get(f"/v1/review/{shown['id']}/photo", headers=headers)
    assert (photo.status_code, photo.headers["content-type"]) == (200, "image/jpeg")
    mine = client.get(f"/v1/admin/contributors/{pseudonym(PERSON)}/photos", headers=headers).json()["photos"]
    assert mine == [shown]
    empty = client.get(f"/v1/admin/models/{model}/photos", params=query | {"best": "kaca"}, headers=headers)
    assert empty.json() == {"photos": []}


@pytest.mark.parametrize(
    "path",
    [
        "models/{model}/confusions",
        "models/{model}/photos?truth=kaca&best=kaca",
        "contributors/0123456789abcdef0123456789abcdef/photos",
    ],
)
def test_only_admins_see_them_and_only_of_models_that_there_are(
    client: httpx.Client, store: Store, model: str, path: str
) -> None:
    address = f"/v1/admin/{path}"
    assert client.get(address.format(model=model)).status_code == 401
    assert client.get(address.format(model=model), headers=token(store, "reviewer")).status_code == 403
    admin = token(store, "admin")
    assert client.get(address.format(model=model), headers=admin).status_code == 200
    if "{model}" in path:
        assert client.get(address.format(model=uuid4()), headers=admin).status_code == 404
        assert client.get(address.format(model="../secret"), headers=admin).status_code in (404, 422)


def test_a_name_that_is_no_pseudonym_is_refused(client: httpx.Client, store: Store) -> None:
    assert client.get("/v1/admin/contributors/Budi/photos", headers=token(store, "admin")).status_code == 422
