"""Requests that nobody means well with: the service answers every one in its own words, and keeps nothing of them.

It is some 450 requests, the same ones each time; ``ECOSORTER_HOSTILE=10`` makes it ten times as many, and new ones.
"""

import gzip
import io
import os
import re
import socket
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from PIL import Image
from schemathesis.checks import load_all_checks
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access, Caps
from ecosorter.serving.store import Store
from tests.serving.live import running
from tests.test_jpeg import HALVES, PHOTOS, frame
from tests.test_png import ANCILLARY, CONTENTS, chunk, with_chunk
from tests.test_tiff import RAW, page, tiff
from tests.tiny import encoded, photo, tiny_bundle

TIMES = int(os.environ.get("ECOSORTER_HOSTILE", "1"))
CAPS = Caps(body_bytes=3_000_000, upload_seconds=5, seconds=20)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")


def examples(few: int) -> settings:
    """Return how Hypothesis is to work: `few` examples, or as many times more as somebody asked for."""
    return settings(
        max_examples=TIMES * few,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


class Site:
    """A running service, and the folder that holds all that it may write."""

    def __init__(self, address: str, admin: str, data: Path, around: Path, client: httpx.Client) -> None:
        self.address, self.admin, self.data, self.client, self._around = address, admin, data, client, around
        self._before = self._elsewhere()

    def _elsewhere(self) -> set[Path]:
        return {path for path in self._around.rglob("*") if not path.is_relative_to(self.data)}

    def check(self, answer: Any) -> None:
        """Check what holds of every answer."""
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        assert "Traceback" not in answer.text
        assert 'File "' not in answer.text
        assert str(self._around) not in answer.text
        if answer.status_code >= 400 and answer.request.method != "HEAD":
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"]
        assert self._elsewhere() == self._before
        assert not [
            path
            for path in self.data.rglob("*")
            if path.suffix not in (".jpg", "", ".sqlite", ".sqlite-wal", ".sqlite-shm")
        ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    around = tmp_path_factory.mktemp("hostile")
    bundle = tiny_bundle(around / "bundle").folder
    data = around / "data"
    data.mkdir()
    with (
        Store.open(str(data / "corrections.sqlite"), str(data / "photos")) as store,
        running(create_app(bundle, store=store, caps=CAPS, access=Access(rate=0))) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield Site(address, store.tokens.create("Ani", "admin"), data, around, client)


# Everything that the OpenAPI document knows, right and wrong


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("who", ["nobody", "admin"])
def test_every_route_answers_as_documented(site: Site, mode: GenerationMode, who: str) -> None:
    headers = {"Authorization": f"Bearer {site.admin}"} if who == "admin" else {}
    load_all_checks()
    schema = schemathesis.openapi.from_url(f"{site.address}/openapi.json")
    checks = [
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= 14
    for operation in operations:
        if who == "admin" and operation.path == "/v1/admin/improve":
            continue  # it starts a process; test_admin.py

        @examples(3)
        @given(case=operation.as_strategy(generation_mode=mode))
        def run(case: schemathesis.Case) -> None:
            answer = case.call(headers=headers)
            site.check(httpx_answer(answer))
            case.validate_response(answer, checks=checks)

        try:
            run()
        except Exception as error:
            if type(error).__name__ not in ("Unsatisfiable", "SkipTest", "Skipped"):
                raise


def httpx_answer(answer: schemathesis.Response) -> httpx.Response:
    request = httpx.Request(answer.request.method or "GET", answer.request.url or "")
    headers = [(name, value) for name, values in answer.headers.items() for value in values]
    headers = [(name, value) for name, value in headers if name.lower() not in ("content-encoding", "content-length")]
    return httpx.Response(answer.status_code, headers=headers, content=answer.content, request=request)


# Files


def png(width: int, height: int, content: bytes) -> bytes:
    """Return a grey PNG that says it is so large, whatever its content is."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(content, 9)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.txt", "x" * 100_000)
    return buffer.getvalue()


WHOLE = {kind: photo((200, 40, 90), kind, (64, 48)) for kind in FORMATS}
PAGE = b"<!doctype html><script>alert(1)</script>"
BOMBS = [
    png(2**31 - 1, 2**31 - 1, b""),
    png(60_000, 60_000, b"\x00" * 10_000_000),
    encoded(Image.new("1", (20_000, 20_000)), "TIFF", compression="group4"),
    gzip.compress(b"\x00" * 10_000_000),
    b"GIF89a\xff\xff\xff\xff\x80\x00\x00" + b"\x00" * 6 + b",\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02L\x01\x00;",
    b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0),
]
LARGEST = png(6_000, 8_000, bytes(751 * 8_000))  # 48 megapixels, within the cap: is decoded
POLYGLOTS = [
    WHOLE["JPEG"] + zipped(),
    WHOLE["PNG"] + PAGE,
    WHOLE["GIF"][:6] + b"/*" + WHOLE["GIF"][6:] + b"*/=1;" + PAGE,
    b"%PDF-1.7\n" + WHOLE["JPEG"],
    b"\xff\xd8\xff\xfe\x00\x30<?php system($_GET[0]); ?>".ljust(54) + WHOLE["JPEG"][2:],
    PAGE + WHOLE["PNG"],
    b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    zipped(),
]


HALF = {f"{kind}, {way}": make(*PHOTOS[way]) for kind, make in HALVES.items() for way in ("baseline", "progressive")}
RARE = {
    **RAW,
    "a lossless JPEG": frame(0xC3, 8, 3),
    "a JPEG of 12 bits": frame(0xC1, 12, 3),
    "a TIFF of floats": tiff(page(_258=(32, 32, 32), _277=3, _262=2, _339=(3, 3, 3))),
    "WebP in a TIFF": tiff(page(_259=50001)),
    "a PNG for Apple": with_chunk(chunk(b"CgBI", bytes(4)), before=b"IHDR"),
    "a TIFF that points to itself": tiff(page(_330=(8, 8, 8))),
}
ODD = {
    f"{content} in {name}{' of a wrong sum' if wrong else ''}": with_chunk(chunk(name.encode(), bytes_, wrong=wrong))
    for name in ANCILLARY
    for content, bytes_ in CONTENTS.items()
    for wrong in (False, True)
}


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A whole photo that was cut, overwritten or lengthened somewhere."""
    content = bytearray(draw(st.sampled_from(list(WHOLE.values()))))
    for _ in range(draw(st.integers(0, 8))):
        place = draw(st.integers(0, len(content) - 1))
        content[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=8))
        content = content or bytearray(b"\xff")
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


FILES: SearchStrategy[bytes] = st.one_of(
    damaged(),
    st.sampled_from([*BOMBS, *POLYGLOTS, *WHOLE.values()]),
    st.sampled_from([*HALF.values(), *RARE.values(), *ODD.values()]),
    st.binary(max_size=300),
)
NAMES = st.one_of(
    st.sampled_from(
        [
            "../../../../tmp/evil.jpg",
            "/etc/passwd",
            "C:\\evil.jpg",
            "..",
            "con.jpg",
            "a" * 5000,
            "x\x00.jpg",
            "'; drop--",
            '"\r\n\r\n',
        ]
    ),
    st.text(max_size=40),
)
TYPES = st.sampled_from(
    ["image/jpeg", "image/png", "image/svg+xml", "application/octet-stream", "image/" + "x" * 3000, "text/html"]
)


@examples(60)
@given(files=st.lists(st.tuples(NAMES, FILES, TYPES), min_size=1, max_size=4), cam=st.booleans())
def classified(site: Site, files: list[tuple[str, bytes, str]], cam: bool) -> None:
    answer = site.client.post("/v1/classify", files=[("photos", file) for file in files], params={"cam": cam})
    site.check(answer)
    if answer.status_code == 200:
        results = answer.json()["results"]
        assert len(results) == len(files)
        assert all((result["status"] == "ok") == (result["problem"] is None) for result in results)
        assert not any("/" in result["name"] or "\\" in result["name"] for result in results)


def test_files_of_every_kind_are_classified_or_refused(site: Site) -> None:
    classified(site)


@pytest.mark.parametrize("content", [*BOMBS, LARGEST, *POLYGLOTS])
def test_bombs_and_polyglots_alone(site: Site, content: bytes) -> None:
    answer = site.client.post("/v1/classify", content=content, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 200
    site.check(answer)


def one_by_one(site: Site, files: dict[str, bytes]) -> dict[str, str]:
    """Send files, ten in a request; return what the service says of each."""
    said: dict[str, str] = {}
    names = list(files)
    for start in range(0, len(names), 10):
        some = names[start : start + 10]
        answer = site.client.post("/v1/classify", files=[("photos", (name, files[name])) for name in some])
        site.check(answer)
        said |= zip(some, [result["status"] for result in answer.json()["results"]], strict=True)
    return said


def test_half_pictures_rare_kinds_and_odd_chunks(site: Site) -> None:
    assert set(one_by_one(site, HALF).values()) == {"truncated", "corrupt"}
    assert set(one_by_one(site, RARE).values()) <= {"unsupported", "ok"}
    assert set(one_by_one(site, {name: data for name, data in RARE.items() if name in RAW}).values()) == {"unsupported"}
    assert set(one_by_one(site, ODD).values()) == {"ok"}


@examples(30)
@given(
    file=FILES,
    name=NAMES,
    kind=TYPES,
    consent=st.sampled_from([True, True, True, False]),
    best=st.one_of(st.just("kertas"), st.text(max_size=80)),
)
def corrected(site: Site, file: bytes, name: str, kind: str, consent: bool, best: str) -> None:
    data = {
        "model": {"name": "tiny", "version": "1"},
        "best": best,
        "label": None,
        "confidence": 0.4,
        "truth": "kaca",
        "consent": consent,
        "contributor": str(uuid4()),
        "secret": "0" * 64,
        "lang": "id",
    }
    answer = site.client.post(
        "/v1/corrections",
        data={"data": httpx.Request("POST", "http://x", json=data).content},
        files={"photo": (name, file, kind)},
        headers={"Idempotency-Key": str(uuid4())},
    )
    site.check(answer)
    assert answer.status_code != 201 or consent
    for kept in (site.data / "photos").rglob("*.jpg"):
        with Image.open(kept) as image:  # only pictures are ever kept, and with nothing in them but the picture
            assert image.format == "JPEG"
            assert not image.getexif()
            assert PAGE not in kept.read_bytes()


def test_only_pictures_are_kept(site: Site) -> None:
    corrected(site)


# Paths, tokens, heads


PATHS = [
    "/static/../../../etc/passwd",
    "/static/..%2f..%2f..%2fetc%2fpasswd",
    "/static/v/%2e%2e/%2e%2e/page.py",
    "/static/v/..\\..\\page.py",
    "/static//etc/passwd",
    "/texts/../../pyproject.json",
    "/texts/..%2fpage.json",
    "/texts/id.json%00.html",
    "/v1/review/..%2f..%2fphoto/photo",
    "/v1/corrections/%00/photo",
    "//evil.example/v1/model",
    "/v1/model/",
    "/%ff%fe",
    "/" + "a" * 20_000,
    "/v1/guidance?" + "&".join(f"candidates={n}" for n in range(5000)),
    "/v1/guidance?candidates=%00%ff&scheme=../../etc/passwd&answer=%F0%9F%92%A9",
    "/v1/schemes?lang=%00",
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_tricks_with_paths_lead_nowhere(site: Site, path: str) -> None:
    host, port = site.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:  # no client that tidies up the path
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    status = int(answer[9:12])
    assert status < 500
    assert b"root:" not in answer
    assert b"import " not in answer
    assert b"Traceback" not in answer


TOKENS = st.one_of(
    st.sampled_from(["eco_", "eco__", "eco_" + "a" * 3000, "eco_00000000_" + "A" * 43, "' OR 1=1 --", "é" * 20]),
    st.text(st.characters(codec="latin-1", exclude_categories=("Cc", "Cs")), min_size=1, max_size=60),
)
GUARDED = [
    ("GET", "/v1/review/me"),
    ("GET", "/v1/review/queue"),
    ("GET", f"/v1/review/{uuid4()}/photo"),
    ("POST", f"/v1/review/{uuid4()}"),
    ("POST", "/v1/admin/reload"),
]


@examples(30)
@given(
    token=TOKENS,
    scheme=st.sampled_from(["Bearer ", "bearer ", "Basic ", "", "Bearer  ", "Bearer\t"]),
    where=st.sampled_from(GUARDED),
)
def asked(site: Site, token: str, scheme: str, where: tuple[str, str]) -> None:
    method, path = where
    authorization = f"{scheme}{token}".strip().encode("latin-1")
    answer = site.client.request(method, path, headers=[(b"Authorization", authorization)])
    site.check(answer)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_no_token_but_a_token_opens_anything(site: Site) -> None:
    asked(site)


@examples(40)
@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "Accept-Language",
                    "Content-Type",
                    "X-Request-ID",
                    "X-Forwarded-For",
                    "Content-Length",
                    "Range",
                    "Origin",
                    "Expect",
                    "Cookie",
                    "If-None-Match",
                    "Accept-Encoding",
                    "Content-Encoding",
                    "Transfer-Encoding",
                    "Content-Disposition",
                ]
            ),
            st.binary(max_size=200).map(lambda value: value.translate(None, b"\r\n\x00")),
        ),
        max_size=4,
    ),
    body=st.binary(max_size=500),
    path=st.sampled_from(["/v1/classify", "/v1/corrections", "/v1/model", "/", "/healthz"]),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "BREW"]),
)
def headed(site: Site, headers: list[tuple[str, bytes]], body: bytes, path: str, method: str) -> None:
    host, port = site.address.removeprefix("http://").split(":")
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: x", b"Connection: close"]
    lines += [name.encode() + b": " + value for name, value in headers]
    if not any(name == "Content-Length" for name, _ in headers):
        lines.append(f"Content-Length: {len(body)}".encode())
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", b""]) + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:  # what was sent after the answer was not read
            return
    if answer:  # none where the body that was declared never came
        status = int(answer.split(b" ", 2)[1])
        assert status < 500 or status == 503
        assert b"Traceback" not in answer


def test_heads_of_every_kind(site: Site) -> None:
    headed(site)


# HEAD asks for what GET gives


GOOD = [str(uuid4()), "1", "id", "en", "kaca", "photo", "tiny", "nowhere.js"]
BAD = ["..", "%00", "%2e%2e%2fpasswd", "-1", "a" * 3000, "\N{PILE OF POO}", "<script>", " "]
PAGES = [
    "/",
    "/metrics",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/sw.js",
    "/static/now/app.js",
    "/texts/{lang}.json",
    "/v1",
]


@examples(60)
@given(data=st.data())
def asked_both_ways(site: Site, gets: list[str], data: st.DataObject) -> None:
    path = re.sub(
        r"\{\w+\}", lambda _: data.draw(st.sampled_from(GOOD + BAD)), data.draw(st.sampled_from([*gets, *PAGES]))
    )
    names = st.sampled_from(["lang", "q", "scheme", "candidates", "limit", "status", "answer"])
    query = data.draw(st.dictionaries(names, st.sampled_from(GOOD + BAD), max_size=3))
    headers = data.draw(
        st.dictionaries(
            st.sampled_from(["Accept-Language", "Accept-Encoding", "If-None-Match", "Range", "X-Request-ID"]),
            st.sampled_from(["*", "gzip", "br;q=0.1", "bytes=0-1", "0", "id", "x" * 500]),
            max_size=3,
        )
    )
    if data.draw(st.booleans()):
        headers["Authorization"] = f"Bearer {site.admin}"
    whole, head = (site.client.request(method, path, params=query, headers=headers) for method in ("GET", "HEAD"))
    site.check(whole)
    site.check(head)
    assert head.content == b""
    assert head.status_code == whole.status_code
    for name in ("content-type", "content-encoding", "cache-control", "vary", "etag", "allow", "www-authenticate"):
        assert head.headers.get(name) == whole.headers.get(name), name


def test_head_says_what_get_says(site: Site) -> None:
    paths = site.client.get("/openapi.json").json()["paths"]
    asked_both_ways(site, [path for path, ways in paths.items() if "get" in ways])


# Heads that are cut off


HEADS = st.lists(
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"HEAD /v1/model HTTP/1.1\r\n",
            b"POST /v1/classify HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n",
            b"Host: x\r\n",
            b"Content-Length: 999\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Expect: 100-continue\r\n",
            b"X-Long: " + b"y" * 20_000 + b"\r\n",
            b" folded\r\n",
            b"\n",
            b"\x16\x03\x01\x02\x00",
        ]
    )
    | st.binary(max_size=40),
    max_size=6,
).map(b"".join)


@examples(60)
@given(head=HEADS, cut=st.integers(0, 400), how=st.sampled_from(["left open", "closed", "half closed", "reset"]))
def begun(site: Site, left_open: list[socket.socket], head: bytes, cut: int, how: str) -> None:
    sent = head[: -cut or None]
    host, port = site.address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(sent)
    if how == "left open":
        left_open.append(connection)
        return
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "half closed":
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        assert b"Traceback" not in answer
        for line in re.findall(rb"HTTP/1\.1 (\d+) ", answer):
            assert int(line) < 500 or int(line) == 503
    connection.close()


def test_half_heads_stop_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    left_open: list[socket.socket] = []
    begun(site, left_open)
    site.check(site.client.get("/readyz"))
    assert site.client.post("/v1/classify", files={"photos": photo()}).json()["results"][0]["label"] == "plastik"
    for connection in left_open:
        connection.close()
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]


FORMS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"--x\r\n",
                b"--x--\r\n",
                b"--x",
                b"\r\n",
                b"This is a multi-part message in MIME format.\r\n",
                b'Content-Disposition: form-data; name="photos"; filename="a.png"\r\n\r\n',
                b"Content-Disposition: form-data; name=photos; filename*=UTF-8''%2e%2e%2fetc%2fpasswd\r\n\r\n",
                b"Content-Disposition: form-data; name=photos; filename*=x''%ff%00; filename*=\r\n\r\n",
                b"Content-Disposition: form-data; name*=UTF-8''photos\r\n\r\n",
                b"Content-Transfer-Encoding: base64\r\n",
                b"Content-Encoding: gzip\r\n",
                gzip.compress(WHOLE["PNG"]),
                WHOLE["PNG"],
            ]
        ),
        st.binary(max_size=60),
    ),
    max_size=12,
).map(b"".join)


@examples(60)
@given(form=FORMS, path=st.sampled_from(["/v1/classify", "/v1/corrections"]), coded=st.sampled_from(["", "", "gzip"]))
def formed(site: Site, form: bytes, path: str, coded: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Idempotency-Key": str(uuid4())}
    answer = site.client.post(path, content=form, headers=headers | ({"Content-Encoding": coded} if coded else {}))
    site.check(answer)
    assert not coded or answer.status_code == 415
    assert b"etc/" not in answer.content


def test_forms_of_every_kind(site: Site) -> None:
    formed(site)


def test_silence_half_heads_and_cut_bodies_stop_nothing(site: Site) -> None:
    host, port = site.address.removeprefix("http://").split(":")
    begun = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nhalf",
    ]
    connections = [socket.create_connection((host, int(port)), timeout=30) for _ in range(20 * len(begun))]
    for number, connection in enumerate(connections):
        connection.sendall(begun[number % len(begun)])
    site.check(site.client.get("/readyz"))
    for connection in connections:
        connection.close()


def test_the_service_is_as_well_as_before(site: Site) -> None:
    assert site.client.get("/readyz").status_code == 200
    answer = site.client.post("/v1/classify", files={"photos": photo()})
    assert answer.json()["results"][0]["label"] == "plastik"
