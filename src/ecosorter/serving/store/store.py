"""The store: a database and the photos that belong to it, opened together."""

from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

from ecosorter.photos import Limits
from ecosorter.serving.store.answers import Answers
from ecosorter.serving.store.campaigns import Campaigns
from ecosorter.serving.store.confusions import Confusions
from ecosorter.serving.store.corrections import Corrections
from ecosorter.serving.store.database import Database, data_folder, database_url
from ecosorter.serving.store.improvements import Improvements
from ecosorter.serving.store.models import Models
from ecosorter.serving.store.photos import PhotoStore
from ecosorter.serving.store.phrases import Phrases
from ecosorter.serving.store.reviews import Reviews
from ecosorter.serving.store.shadows import Shadows
from ecosorter.serving.store.statistics import Asked, Statistics, asked_about, statistics
from ecosorter.serving.store.tokens import Tokens

_ONE_PHOTO = 1_000_000  # bytes


class Store:
    """Corrections, their photos, reviews and tokens. Safe to use from several threads and from several processes.

    Attributes:
        corrections: what people said.
        reviews: what reviewers decided on it.
        tokens: who may review and administer.
        phrases: what was looked for by name and not found.
        photos: where the photos lie.
        models: the registry of models.
        shadows: what models in shadow said.
        improvements: the runs of `ecosorter improve`.
        campaigns: photos that the operator asks for.
        answers: how often each class was answered.
        confusions: what models took for what.
    """

    def __init__(self, database: Database, photos: PhotoStore, *, two_person: bool, limits: Limits) -> None:
        self._database = database
        self.photos = photos
        self.corrections = Corrections(database, photos, limits)
        self.reviews = Reviews(database, photos, two_person=two_person)
        self.tokens = Tokens(database)
        self.phrases = Phrases(database)
        self.models = Models(database, photos.files)
        self.shadows = Shadows(database)
        self.improvements = Improvements(database)
        self.campaigns = Campaigns(database)
        self.answers = Answers(database)
        self.confusions = Confusions(database)

    @classmethod
    def open(
        cls,
        database: str | None = None,
        photos_at: str | None = None,
        *,
        two_person: bool = False,
        limits: Limits | None = None,
    ) -> Self:
        """Open a store; make it where there is none, bring its tables up to date, finish what a kill left half-way.

        Args:
            database: ``postgresql://…``, ``sqlite:///…`` or the path of an SQLite file; None for
                ``corrections.sqlite`` in the user's data folder.
            photos_at: a folder, or a URL that fsspec knows (``s3://bucket/folder``), for the photos of this database
                alone. None for a folder named after the database: beside an SQLite file, else in the data folder.
            two_person: a correction is settled when two reviewers decide the same; else one is enough.
            limits: caps on the photos that come in.

        Raises:
            StoreError: the database or the photos' place cannot be used; the message says why.
        """
        url = database_url(database)
        file = Path(url.database or "corrections")
        if photos_at is None:
            folder = file.absolute().parent if url.drivername == "sqlite" else data_folder()
            photos_at = str(folder / f"{file.stem}-photos")
        opened = Database(url)
        try:
            store = cls(opened, PhotoStore(photos_at), two_person=two_person, limits=limits or Limits())
            store.corrections.sweep()
        except BaseException:
            opened.close()
            raise
        return store

    @property
    def addresses(self) -> tuple[str, str]:
        """By which another process opens the same store: URLs of its database, password and all, and of its photos."""
        return self._database.url.render_as_string(hide_password=False), self.photos.files.url

    def in_use(self) -> list[Asked]:
        """Tell how often answers that were asked about at random were right, by month."""
        return asked_about(self._database)

    def statistics(self) -> Statistics:
        """Count what is in it."""
        return statistics(self._database)

    def ready(self) -> bool:
        """Tell whether the database and the photos' place answer, and have room for one more photo. Never raises."""
        folders = {folder for folder in (self._database.folder, self.photos.folder) if folder}
        return self._database.answers() and self.photos.answers() and all(map(_has_room, folders))

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _has_room(folder: Path) -> bool:
    """Tell whether a photo could be written there; with quotas and reserves, a disk's free space does not say it."""
    try:
        with TemporaryFile(dir=folder) as file:  # has no name, where the system can do that
            file.write(bytes(_ONE_PHOTO))
            file.flush()
    except OSError:
        return False
    return True
