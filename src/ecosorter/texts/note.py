"""A sentence for the reader that does not depend on the language: a key of texts/notes.toml, and what to fill in."""

from pydantic import BaseModel, ConfigDict

from ecosorter.texts import Language, texts


class Note(BaseModel):
    """A sentence that the reader must know: its key in texts/notes.toml, and what to fill in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    values: dict[str, str | int] = {}

    def say(self, language: Language) -> str:
        """Return the sentence."""
        return texts("notes", language)[self.key].format(**self.values)
