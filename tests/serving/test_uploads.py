import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from fastapi import Request
from starlette.types import Message

from ecosorter.serving.problems import Problem
from ecosorter.serving.uploads import Upload, read_photos, shown_name
from tests.tiny import photo

ONE, TWO = photo((255, 0, 0)), photo((0, 255, 0), "JPEG")


class Body:
    """A request whose body comes in pieces; counts how many were taken."""

    def __init__(self, kind: str | None, pieces: Iterable[bytes]) -> None:
        self.pieces = list(pieces)
        self.taken = 0
        headers = [(b"content-type", kind.encode("latin-1"))] if kind is not None else []
        self.request = Request({"type": "http", "method": "POST", "headers": headers}, self._receive)

    async def _receive(self) -> Message:
        piece = self.pieces[self.taken]
        self.taken += 1
        return {"type": "http.request", "body": piece, "more_body": self.taken < len(self.pieces)}

    def photos(self, most: int = 5) -> list[Upload]:
        return asyncio.run(read_photos(self.request, most))


def form(*files: tuple[str, tuple[Any, ...]]) -> tuple[str, bytes]:
    """Return the Content-Type and the body that a client sends for some files."""
    sent = httpx.Request("POST", "http://test", files=files)
    return sent.headers["content-type"], sent.read()


def code(body: Body) -> tuple[str, int]:
    with pytest.raises(Problem) as raised:
        body.photos()
    return raised.value.code, raised.value.status_code


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_a_form_gives_its_photos_however_it_is_cut(size: int) -> None:
    kind, body = form(("photos", ("a.png", ONE)), ("photos", ("b.jpg", TWO)))
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert Body(kind, pieces).photos() == [Upload("a.png", ONE), Upload("b.jpg", TWO)]


@pytest.mark.parametrize("kind", ["image/png", "IMAGE/JPEG", "application/octet-stream", "image/heic; q=1"])
def test_a_raw_body_is_one_photo(kind: str) -> None:
    assert Body(kind, [ONE[:10], ONE[10:]]).photos() == [Upload("", ONE)]


def test_an_empty_photo_is_a_photo() -> None:
    assert Body("image/png", [b""]).photos() == [Upload("", b"")]
    kind, body = form(("photos", ("a.png", b"")))
    assert Body(kind, [body]).photos() == [Upload("a.png", b"")]


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/json", "multipart/mixed; boundary=x", "image", "\xff"]
)
def test_other_kinds_of_bodies_are_refused_unread(kind: str | None) -> None:
    body = Body(kind, [ONE])
    assert code(body) == ("unsupported_media_type", 415)
    assert body.taken == 0


def test_one_photo_too_many_stops_the_reading() -> None:
    kind, body = form(*(("photos", (f"{n}.png", ONE)) for n in range(7)))
    pieces = [body[start : start + 50] for start in range(0, len(body), 50)]
    sent = Body(kind, pieces)
    assert code(sent) == ("too_many_photos", 422)
    assert sent.taken < len(pieces) * 6 / 7


def test_an_unknown_field_is_refused() -> None:
    kind, body = form(("photo", ("a.png", ONE)))
    assert code(Body(kind, [body])) == ("unknown_field", 422)


def test_a_form_without_photos_is_refused() -> None:
    assert code(Body("multipart/form-data; boundary=x", [b"--x--\r\n"])) == ("no_photo", 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="photos"\r\n\r\nthe end never comes',
        b'--x\r\nContent-Disposition: form-data; name="photos"\r\n\r\nwhole\r\n--x\r\n',
        b"--x\r\n\xff\xfe: \x00\r\n\r\n\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: " + b"a" * 100_000 + b"\r\n\r\n\r\n--x--\r\n",
        b"--x\r\n" + b"A: b\r\n" * 10_000 + b"\r\n\r\n--x--\r\n",
    ],
)
def test_a_broken_form_is_refused(body: bytes) -> None:
    assert code(Body("multipart/form-data; boundary=x", [body]))[1] in (400, 422)


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'x' * 999}"]
)
def test_a_form_without_a_usable_boundary_is_refused(kind: str) -> None:
    assert code(Body(kind, [b"--x--\r\n"])) == ("broken_multipart", 400)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("bottle.jpg", "bottle.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\foto.png", "foto.png"),
        ("botol kaca é 瓶.jpg", "botol kaca é 瓶.jpg"),
        ("a\x00b\n\x1b[31mc\u202e.jpg", "ab[31mc.jpg"),
        ("..", ".."),
        ("", ""),
        ("/", ""),
        ("x" * 1000, "x" * 200),
    ],
)
def test_a_name_is_for_display_only(sent: str, shown: str) -> None:
    assert shown_name(sent) == shown


def test_a_name_that_is_no_text_survives() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="photos"; filename="\xff\xfe.jpg"\r\n\r\nabc\r\n--x--\r\n'
    assert Body("multipart/form-data; boundary=x", [body]).photos() == [Upload("\ufffd\ufffd.jpg", b"abc")]


PART = b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a.png"\r\n\r\nabc\r\n--x--\r\n'


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "preamble", [b"\r\n", b"This is a multi-part message in MIME format.\r\n", b"--y\r\n--xx\r\n", b"\r\n" * 50]
)
def test_what_stands_before_the_first_boundary_is_for_nobody(preamble: bytes, size: int) -> None:
    body = preamble + PART + b"and an epilogue"
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert Body("multipart/form-data; boundary=x", pieces).photos() == [Upload("a.png", b"abc")]


def test_a_preamble_has_an_end() -> None:
    body = Body("multipart/form-data; boundary=x", [b"a" * 10_000] * 100)
    assert code(body) == ("broken_multipart", 400)
    assert body.taken < 20


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (b"filename*=UTF-8''botol%20kaca%20%E7%93%B6.jpg", "botol kaca 瓶.jpg"),
        (b"filename*=utf-8'id'kaca.jpg", "kaca.jpg"),
        (b"filename*=iso-8859-1''caf%E9.jpg", "café.jpg"),
        (b"filename=\"kaca.jpg\"; filename*=UTF-8''k%C3%A1ca.jpg", "káca.jpg"),
        (b"filename*=UTF-8''k%C3%A1ca.jpg; filename=kaca.jpg", "káca.jpg"),
        (b"filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        (b"filename*=UTF-8''%FF%00.jpg", "\ufffd.jpg"),
        (b"filename*=klingon''x.jpg", ""),
        (b"filename*=", ""),
    ],
)
def test_names_of_every_letter(names: bytes, shown: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="photos"; ' + names + b"\r\n\r\nabc\r\n--x--\r\n"
    assert Body("multipart/form-data; boundary=x", [body]).photos() == [Upload(shown, b"abc")]
