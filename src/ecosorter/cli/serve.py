"""`ecosorter serve`: the HTTP service and the page."""

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ecosorter.cli.options import DeviceOption, LangOption, ModelOption, finite, language
from ecosorter.cli.store_options import DatabaseOption, PhotosAtOption, RegistryOption, TwoPersonOption
from ecosorter.photos import Limits
from ecosorter.serving.settings import Access, Caps, Growth, Settings
from ecosorter.texts import texts

_CAPS, _ACCESS, _GROWTH = Caps(), Access(), Growth()
_LARGEST = 1e6  # megabytes, megapixels, requests a second: more is a slip of the finger
_LONGEST = 86_400.0  # seconds


def serve(
    model: ModelOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of a worker; one a core where not given.", show_default=False)
    ] = None,
    device: DeviceOption = "auto",
    qr: Annotated[bool, typer.Option("--qr", help="Show the address as a QR code, for a phone.")] = False,
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    two_person: TwoPersonOption = False,
    no_corrections: Annotated[
        bool, typer.Option("--no-corrections", help="Do without a database: no corrections, reviews, tokens.")
    ] = False,
    scheme: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Somebody's own scheme; the first becomes the default. May be repeated."),
    ] = None,
    collect_phrases: Annotated[
        bool,
        typer.Option(
            "--collect-phrases",
            envvar="ECOSORTER_COLLECT_PHRASES",
            help="Count what people looked for by name and did not find; the page tells them.",
        ),
    ] = False,
    improve_every: Annotated[
        float,
        typer.Option(
            min=0,
            max=_LONGEST,
            callback=finite,
            help="Hours from one `ecosorter improve` to the next; 0: never.",
        ),
    ] = _GROWTH.improve_hours,
    shadow_share: Annotated[
        float, typer.Option(min=0, max=1, callback=finite, help="Of the photos, for a model in shadow to answer.")
    ] = _GROWTH.shadow_share,
    promote_by_rule: Annotated[
        bool,
        typer.Option("--promote-by-rule", help="Let a better candidate go into shadow, and then into use, by itself."),
    ] = False,
    shadow_days: Annotated[
        float, typer.Option(min=0, max=_LONGEST, callback=finite, help="In shadow, before that.")
    ] = _GROWTH.shadow_days,
    registry: RegistryOption = None,
    ask_share: Annotated[
        float, typer.Option(min=0, max=1, callback=finite, help="Of the answers, drawn at random to be asked about.")
    ] = _GROWTH.ask_share,
    max_photos: Annotated[int, typer.Option(min=1, help="Photos in one request.")] = _CAPS.photos,
    max_megabytes: Annotated[
        float, typer.Option(min=0.001, max=_LARGEST, callback=finite, help="Of one request.")
    ] = _CAPS.body_bytes / 1e6,
    max_photo_megabytes: Annotated[
        float, typer.Option(min=0.001, max=_LARGEST, callback=finite, help="Of one photo.")
    ] = _CAPS.photo.max_bytes / 1e6,
    max_megapixels: Annotated[
        float, typer.Option(min=0.001, max=_LARGEST, callback=finite, help="Of one photo.")
    ] = _CAPS.photo.max_pixels / 1e6,
    max_held_megabytes: Annotated[
        float, typer.Option(min=1, max=_LARGEST, callback=finite, help="Of all requests at a time, by worker.")
    ] = (_CAPS.held_bytes / 1e6),
    queue: Annotated[int, typer.Option(min=1, help="Photos that may wait, by worker; beyond, the answer is 503.")] = (
        _CAPS.queue
    ),
    batch: Annotated[int, typer.Option(min=1, help="Photos that the model takes at a time.")] = _CAPS.batch,
    upload_seconds: Annotated[
        float, typer.Option(min=0.1, max=_LONGEST, callback=finite, help="For a request's body to arrive.")
    ] = (_CAPS.upload_seconds),
    answer_seconds: Annotated[
        float, typer.Option(min=0.1, max=_LONGEST, callback=finite, help="From then to the answers.")
    ] = _CAPS.seconds,
    head_seconds: Annotated[
        float,
        typer.Option(min=0.1, max=_LONGEST, callback=finite, help="From a connection until its request's head."),
    ] = _CAPS.head_seconds,
    max_connections: Annotated[int, typer.Option(min=1, help="At a time, by worker.")] = _CAPS.connections,
    rate: Annotated[
        float,
        typer.Option(
            min=0, max=_LARGEST, callback=finite, help="Requests a second of one client, by worker; 0: no limit."
        ),
    ] = (_ACCESS.rate),
    burst: Annotated[int, typer.Option(min=1, help="Requests of one client at once.")] = _ACCESS.burst,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Proxy or network whose X-Forwarded-… are believed. May be repeated."),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Origin whose pages may call the service. May be repeated."),
    ] = None,
    log_clients: Annotated[bool, typer.Option("--log-clients", help="Write clients' addresses into the log.")] = False,
    lang: LangOption = None,
) -> None:
    """Start the HTTP service and the page, until Ctrl+C or SIGTERM; SIGHUP loads the model anew.

    Corrections are kept in a database unless --no-corrections says otherwise. The log goes to standard error.
    """
    from ecosorter.serving.serve import serve as run  # noqa: PLC0415  # other commands start without FastAPI

    words = texts("service", language(lang))

    def announce(addresses: list[str]) -> None:
        for address in addresses:
            typer.echo(words["listening"].format(address=address))
        if qr:
            _show_code(addresses[-1], words)
        sys.stdout.flush()

    settings = Settings(
        model=model,
        corrections=not no_corrections,
        database=database,
        photos_at=photos_at,
        two_person=two_person,
        schemes=tuple(scheme or ()),
        caps=Caps(
            body_bytes=round(max_megabytes * 1e6),
            held_bytes=round(max_held_megabytes * 1e6),
            photos=max_photos,
            photo=Limits(max_bytes=round(max_photo_megabytes * 1e6), max_pixels=round(max_megapixels * 1e6)),
            queue=queue,
            batch=batch,
            upload_seconds=upload_seconds,
            seconds=answer_seconds,
            head_seconds=head_seconds,
            connections=max_connections,
        ),
        access=Access(
            rate=rate,
            burst=burst,
            trusted_proxies=tuple(trusted_proxy or ()),
            cors=tuple(cors or ()),
            log_clients=log_clients,
        ),
        growth=Growth(
            improve_hours=improve_every,
            shadow_share=shadow_share,
            by_rule=promote_by_rule,
            shadow_days=shadow_days,
            ask_share=ask_share,
            registry=registry,
        ),
        threads=threads,
        device=device,
        collect_phrases=collect_phrases,
    )
    run(settings, host=host, port=port, workers=workers, announce=announce)


def _show_code(address: str, words: dict[str, str]) -> None:
    if ip_address(urlsplit(address).hostname or "").is_loopback:
        typer.echo(words["qr_needs_network"])
        return
    import segno  # noqa: PLC0415  # comes with the extra [serve]

    segno.make(address, micro=False).terminal(sys.stdout, compact=True)
