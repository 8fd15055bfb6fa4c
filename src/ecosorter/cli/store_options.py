"""The store of corrections on the command line: its options, declared once for every command that opens it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ecosorter.serving.store import Store

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="ECOSORTER_DATABASE",
        metavar="URL",
        help="Database of corrections: postgresql://…, or the path of an SQLite file; "
        "corrections.sqlite in your data folder where not given.",
        show_default=False,
        show_envvar=True,
    ),
]
PhotosAtOption = Annotated[
    str | None,
    typer.Option(
        "--photos-at",
        envvar="ECOSORTER_PHOTOS_AT",
        metavar="URL",
        help="Where their photos are kept: a folder, or a URL such as s3://bucket/folder; "
        "a folder named after the database where not given.",
        show_default=False,
        show_envvar=True,
    ),
]
TwoPersonOption = Annotated[
    bool,
    typer.Option(
        "--two-person",
        envvar="ECOSORTER_TWO_PERSON",
        help="A correction is settled when two reviewers decide the same; else one is enough.",
        show_envvar=True,
    ),
]
RegistryOption = Annotated[
    Literal["mlflow"] | None,
    typer.Option(
        "--registry",
        envvar="ECOSORTER_REGISTRY",
        help="Also log and register the models there; MLFLOW_TRACKING_URI says where it is.",
        show_default=False,
        show_envvar=True,
    ),
]


def open_store(database: str | None, photos_at: str | None) -> "AbstractContextManager[Store]":
    """Open the store that the options name.

    Raises:
        StoreError: it cannot be used.
    """
    from ecosorter.serving.store import Store  # noqa: PLC0415  # other commands start without SQLAlchemy

    return Store.open(database, photos_at)


@contextmanager
def open_mirrored(database: str | None, photos_at: str | None, registry: Literal["mlflow"] | None) -> Iterator["Store"]:
    """Open the store that the options name, and tell the other registry, if one is named, what was done with it.

    Raises:
        StoreError: one of them cannot be used.
    """
    with open_store(database, photos_at) as store:
        yield store
        if registry is not None:
            from ecosorter.serving.mirror import mirror  # noqa: PLC0415  # comes with the extra [mlflow]

            mirror(store)
