"""Who may do what: the store of the service, and the person behind a token, as dependencies of the routes."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ecosorter.serving.problems import Problem
from ecosorter.serving.store import Store
from ecosorter.serving.store.tokens import Person

_bearer = HTTPBearer(auto_error=False, description="A token of `ecosorter token create`, or a contributor's secret.")


def store_of(request: Request) -> Store:
    """Return the store.

    Raises:
        Problem: no_store, when the service runs without one.
    """
    store = request.app.state.store
    if not isinstance(store, Store):
        raise Problem("no_store", 404)
    return store


def classes_of(request: Request) -> tuple[str, ...] | None:
    """Return the classes of the model in use; None in an app without a model."""
    engine = getattr(request.app.state, "engine", None)
    return None if engine is None else tuple(engine.info.classes)


def bearer(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """Return what stands after ``Authorization: Bearer``.

    Raises:
        Problem: token_missing.
    """
    if credentials is None or not credentials.credentials:
        raise Problem("token_missing", 401, headers=_CHALLENGE)
    return credentials.credentials


StoreOf = Annotated[Store, Depends(store_of)]
ClassesOf = Annotated[tuple[str, ...] | None, Depends(classes_of)]
Bearer = Annotated[str, Depends(bearer)]

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def reviewer(store: StoreOf, token: Bearer) -> Person:
    """Return the person behind the request's token, whatever the role: admins may review, too.

    Raises:
        Problem: token_missing, token_wrong.
    """
    person = store.tokens.person(token)
    if person is None:
        raise Problem("token_wrong", 401, headers=_CHALLENGE)
    return person


Reviewer = Annotated[Person, Depends(reviewer)]


def admin(person: Reviewer) -> Person:
    """Return the admin behind the request's token.

    Raises:
        Problem: token_missing, token_wrong, role_missing.
    """
    if person.role != "admin":
        raise Problem("role_missing", 403, role="admin")
    return person


Admin = Annotated[Person, Depends(admin)]
