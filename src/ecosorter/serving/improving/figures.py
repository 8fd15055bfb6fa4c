"""The figures of a candidate beside the model in use, as data: the registry keeps them, pages and rules read them."""

from pydantic import BaseModel, ConfigDict

from ecosorter.evaluation.scores import Scores


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pair(_Part):
    """The same photos answered by the model in use (`before`) and by the candidate (`after`)."""

    before: Scores
    after: Scores


class Difference(_Part):
    """Accuracy of the candidate minus that of the model in use, in -1..1, with its 95 % interval by contributor."""

    mean: float
    low: float
    high: float


class Doubtful(_Part):
    """A contributor whose labels fit nobody else's, and from whom the candidate did not learn.

    Attributes:
        contributor: pseudonym.
        photos: of this contributor.
        contradicted: share of them in which a head that learnt from all others sees another class, 0..1.
        usual: the same of all contributors together.
    """

    contributor: str
    photos: int
    contradicted: float
    usual: float


class Figures(_Part):
    """How a candidate was made and measured.

    Attributes:
        before: id of the model in use at that time.
        root: id of the model that was taught.
        contributors: how many taught it, and how many it was measured on.
        photos: the same in photos.
        classes: photos by class that taught it.
        left_out: photos of classes that too few people sent to learn from.
        held_out: answers to the photos of contributors from whom neither model learnt. Intervals are by contributor.
        difference: of the accuracies there.
        bank: answers to the photos of the bank. The model's body was trained on some of them, so read the change.
        doubtful: contributors that were left out.
        fingerprint: of the photos and labels; the same one makes the same model.
    """

    before: str
    root: str
    contributors: tuple[int, int]
    photos: tuple[int, int]
    classes: dict[str, int]
    left_out: dict[str, int]
    held_out: Pair
    difference: Difference
    bank: Pair
    doubtful: tuple[Doubtful, ...]
    fingerprint: str
