"""What an operator decides about the service. Nothing heavy is imported here: the command line reads the defaults."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from ecosorter.errors import ServiceError
from ecosorter.photos import Limits
from ecosorter.session import Device


@dataclass(frozen=True, slots=True)
class Caps:
    """What one process takes.

    Attributes:
        body_bytes: of one request.
        held_bytes: of the bodies of all requests that are being answered.
        photos: in one request.
        photo: caps on each photo.
        queue: photos that may wait or be worked on.
        batch: photos that the model takes at a time.
        upload_seconds: until the last byte of a body has come; longer for one that comes at `upload_rate` or faster.
        upload_rate: bytes a second.
        seconds: from then to the answers.
        head_seconds: from a connection until the head of its request has come.
        connections: at a time; fewer where the system allows the process few open files.
    """

    body_bytes: int = 50_000_000
    held_bytes: int = 500_000_000
    photos: int = 20
    photo: Limits = Limits()  # noqa: RUF009 - frozen
    queue: int = 64
    batch: int = 4
    upload_seconds: float = 60
    upload_rate: float = 10_000
    seconds: float = 30
    head_seconds: float = 10
    connections: int = 2000

    def __post_init__(self) -> None:
        """Refuse what no count or time can be.

        Raises:
            ServiceError: a cap is not a number, is infinite, or is not above 0.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, Limits) and not (math.isfinite(value) and value > 0):
                raise ServiceError(f"The cap {field.name} must be a number above 0, not {value}.")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in, and what is noted of them.

    Attributes:
        rate: requests a second to /v1 that one client may send for long, by worker; 0 for no limit.
        burst: how many at once.
        trusted_proxies: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed; none else's.
        cors: origins whose pages may call the service, as in ``https://example.org``.
        log_clients: write the clients' addresses into the log.
    """

    rate: float = 10
    burst: int = 60
    trusted_proxies: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()
    log_clients: bool = False


@dataclass(frozen=True, slots=True)
class Growth:
    """How a service gets its next models.

    Attributes:
        improve_hours: hours from one start of `ecosorter improve` to the next; 0 for never by itself.
        shadow_share: share of the photos that a model in shadow answers beside the model in use, 0..1.
        by_rule: whether a candidate goes into shadow and into use by itself (rule.py).
        shadow_days: how long it must be in shadow before that.
        ask_share: share of the answers about which the page asks, 0..1.
        registry: where else models are logged and registered (mirror.py); None for nowhere.
    """

    improve_hours: float = 0
    shadow_share: float = 0.2
    by_rule: bool = False
    shadow_days: float = 7
    ask_share: float = 0.02
    registry: Literal["mlflow"] | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to make the app. Workers get it pickled, with uvicorn's own configuration.

    Attributes:
        model: folder of a bundle; None for the one that comes with the package.
        corrections: whether there is a store; `database`, `photos_at` and `two_person` are for `Store.open`.
        schemes: files of somebody's own schemes; the first becomes the default.
        threads: of each worker, for the model and for decoding; None shares the cores among them.
        device: what the model computes on, see `Classifier.load`.
        collect_phrases: count phrases for which no item was found.
        supervisor: set here, see `create_app`.
    """

    model: Path | None = None
    corrections: bool = True
    database: str | None = None
    photos_at: str | None = None
    two_person: bool = False
    schemes: tuple[Path, ...] = ()
    caps: Caps = Caps()
    access: Access = Access()
    growth: Growth = Growth()
    threads: int | None = None
    device: Device = "auto"
    collect_phrases: bool = False
    supervisor: int | None = None
