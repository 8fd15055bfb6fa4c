"""Photos out of a request's body, streamed into memory under caps; nothing is ever written to disk."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote_to_bytes

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ecosorter.serving.problems import Problem

FIELD = "photos"
"""The only form field."""

_LONGEST_NAME = 200
_LONGEST_PREAMBLE = 65_536  # bytes

# RFC 8187, which RFC 7578 forbids in forms; many clients write it all the same, some of them nothing else.
_EXTENDED_NAME = re.compile(rb"filename\*\s*=\s*\"?(utf-8|iso-8859-1)'[^']*'([^;\s\"]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upload:
    """One photo as it was sent. `name` is for display only: no file of that name is ever looked at."""

    name: str
    content: bytes


async def read_photos(request: Request, most: int) -> list[Upload]:
    """Return the photos of a request: the parts `photos` of a form, or the body as it is.

    Args:
        request: its body is read as it comes in; guard.py caps its bytes and time.
        most: how many photos there may be; a further one stops the reading.

    Raises:
        Problem: unsupported_media_type, broken_multipart, unknown_field, no_photo, too_many_photos; and what
            guard.py raises.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"multipart/form-data":
        return await _from_form(options.get(b"boundary", b""), most, request.stream())
    if kind.startswith(b"image/") or kind == b"application/octet-stream":
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
        return [Upload("", bytes(content))]
    raise Problem("unsupported_media_type", 415, headers={"Accept": "multipart/form-data, image/*"})


async def _from_form(boundary: bytes, most: int, body: AsyncIterator[bytes]) -> list[Upload]:
    if not boundary:
        raise Problem("broken_multipart", 400)
    parts = _Parts(most)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_header_field": lambda data, start, end: parts.header("name", data[start:end]),
                "on_header_value": lambda data, start, end: parts.header("value", data[start:end]),
                "on_header_end": parts.end_of_header,
                "on_headers_finished": parts.end_of_headers,
                "on_part_data": lambda data, start, end: parts.add(data[start:end]),
                "on_part_end": parts.end,
                "on_end": parts.close,
            },
        )
        async for chunk in _without_preamble(body, boundary):
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise Problem("broken_multipart", 400) from error
    if not parts.closed:  # the last boundary never came: the photos may be cut
        raise Problem("broken_multipart", 400)
    if not parts.found:
        raise Problem("no_photo", 422)
    return parts.found


async def _without_preamble(body: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """Yield a form from its first boundary on; what a client says before it (RFC 2046, 5.1.1) is for nobody."""
    delimiter = re.compile(rb"\r\n(--" + re.escape(boundary) + rb"(\r\n|--))")
    start: bytes | None = b"\r\n"  # the first boundary may be the first thing of all
    async for chunk in body:
        if start is None:
            yield chunk
            continue
        start += chunk
        found = delimiter.search(start)
        if found or len(start) > _LONGEST_PREAMBLE:
            yield start[found.start(1) if found else 2 :]
            start = None
    if start is not None:
        yield start[2:]


@dataclass(slots=True)
class _Parts:
    """Gathers the parts of a form. The parser calls its methods."""

    most: int
    found: list[Upload] = field(default_factory=list)
    closed: bool = False
    _header: dict[Literal["name", "value"], bytes] = field(default_factory=dict)
    _disposition: bytes = b""
    _name: str = ""
    _content: bytearray = field(default_factory=bytearray)

    def begin(self) -> None:
        if len(self.found) == self.most:
            raise Problem("too_many_photos", 422, most=self.most)
        self._header, self._disposition, self._content = {}, b"", bytearray()

    def header(self, which: Literal["name", "value"], data: bytes) -> None:
        self._header[which] = self._header.get(which, b"") + data  # the parser caps its length

    def end_of_header(self) -> None:
        if self._header.get("name", b"").lower() == b"content-disposition":
            self._disposition = self._header.get("value", b"")
        self._header = {}

    def end_of_headers(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or options.get(b"name") != FIELD.encode():
            raise Problem("unknown_field", 422)
        self._name = shown_name(_sent_name(self._disposition, options))

    def add(self, data: bytes) -> None:
        self._content += data

    def end(self) -> None:
        self.found.append(Upload(self._name, bytes(self._content)))
        self._content = bytearray()

    def close(self) -> None:
        self.closed = True


def _sent_name(disposition: bytes, options: dict[bytes, bytes]) -> str:
    """Return a file's name as a client sent it, in either way; the one that tells its letters' code comes first."""
    if found := _EXTENDED_NAME.search(disposition):
        return unquote_to_bytes(found[2]).decode(found[1].decode("ascii"), "replace")
    return options.get(b"filename", b"").decode("utf-8", "replace")


def shown_name(sent: str) -> str:
    """Return a file's name for display: without folders and without what is no letter, 200 characters at most."""
    last = sent.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:_LONGEST_NAME]
