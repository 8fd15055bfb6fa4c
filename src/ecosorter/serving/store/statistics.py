"""Count corrections: how often the model was right according to people, and how far the review is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from ecosorter.serving.store.database import Database
from ecosorter.serving.store.tables import Consent, Correction, State


@dataclass(frozen=True, slots=True)
class Statistics:
    """Numbers of corrections.

    Attributes:
        total: all of them.
        right: where the person agreed with the model's best class.
        with_photo: where a photo is kept.
        contributors: different devices.
        by_state: of the review.
        by_consent: to keeping the photo.
        confusions: where they disagreed: by (the model's best class, what the person said), the most frequent first.
    """

    total: int
    right: int
    with_photo: int
    contributors: int
    by_state: Mapping[State, int]
    by_consent: Mapping[Consent, int]
    confusions: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Asked:
    """Answers of one month that were asked about at random and that somebody judged: how many, and how many right.

    `low` and `high` bound the share of right ones by the interval of Wilson 1927 (95 %), as if people answered whether
    or not it was right.
    """

    month: str
    answers: int
    right: int
    low: float
    high: float


def asked_about(database: Database) -> list[Asked]:
    """Count answers that were drawn at random, by month: accuracy in use, without who speaks up when it is wrong."""
    query = select(Correction.created, Correction.truth == Correction.best).where(
        Correction.asked, Correction.photo != "pending"
    )
    months: dict[str, list[bool]] = {}
    with database.reading() as session:
        for created, right in session.execute(query.order_by(Correction.created)):
            months.setdefault(f"{created:%Y-%m}", []).append(bool(right))
    return [Asked(month, len(all_), sum(all_), *wilson(sum(all_), len(all_))) for month, all_ in months.items()]


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212)."""
    z = 1.959964
    share, factor = hits / trials, 1 + z * z / trials
    middle = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, (middle - spread) / factor), min(1.0, (middle + spread) / factor)


def statistics(database: Database) -> Statistics:
    """Count what is in a database."""
    n = func.count()
    seen = Correction.photo != "pending"  # pending ones were never acknowledged
    with database.reading() as session:
        total, contributors = session.execute(
            select(n, func.count(Correction.contributor.distinct())).where(seen)
        ).one()
        return Statistics(
            total=total,
            right=session.scalar(select(n).where(seen, Correction.truth == Correction.best)) or 0,
            with_photo=session.scalar(select(n).where(Correction.photo == "kept")) or 0,
            contributors=contributors,
            by_state=dict(session.execute(select(Correction.state, n).where(seen).group_by(Correction.state)).all()),
            by_consent=dict(
                session.execute(select(Correction.consent, n).where(seen).group_by(Correction.consent)).all()
            ),
            confusions={
                (best, truth): count
                for best, truth, count in session.execute(
                    select(Correction.best, Correction.truth, n)
                    .where(seen, Correction.truth != Correction.best)
                    .group_by(Correction.best, Correction.truth)
                    .order_by(n.desc(), Correction.best, Correction.truth)
                )
            },
        )
