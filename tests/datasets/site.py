"""A web site on this machine that serves published sets as they are, and lies where it is told to."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from PIL import Image, ImageDraw

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 40, 220)}
SIZE = (400, 300)

Things = Mapping[str, tuple[int, int, int, int]]
"""Left, top, width and height in pixels, by the colour of what is there."""


def board(things: Things, size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    """A grey photo with coloured things, as JPEG."""
    image = Image.new("RGB", size, (128, 128, 128))
    for colour, (left, top, wide, high) in things.items():
        ImageDraw.Draw(image).rectangle((left, top, left + wide - 1, top + high - 1), fill=COLOURS[colour])
    content = io.BytesIO()
    image.save(content, "JPEG", quality=95, **options)
    return content.getvalue()


def colour_of(crop: Path | bytes) -> str:
    """What a crop shows in its middle."""
    with Image.open(io.BytesIO(crop) if isinstance(crop, bytes) else crop) as image:
        middle = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(middle, tuple)
    near = {name: sum(abs(a - b) for a, b in zip(middle, rgb, strict=True)) for name, rgb in COLOURS.items()}
    return min(near, key=lambda name: near[name])


def coco(
    photos: Sequence[Things], kinds: Mapping[str, str], *, size: tuple[int, int] = SIZE, base: str | None = None
) -> dict[str, Any]:
    """A table in COCO's form: each colour is one thing of a kind. With a base, photos have addresses below it."""
    names = sorted(set(kinds.values()))
    return {
        "info": {"description": "made for a test"},
        "images": [
            {
                "id": number,
                "width": size[0],
                "height": size[1],
                "file_name": f"{number:04}.jpg",
                "license": None,
                **({"flickr_url": f"{base}/{number:04}.jpg"} if base else {}),
            }
            for number in range(len(photos))
        ],
        "annotations": [
            {"id": 0, "image_id": number, "category_id": names.index(kinds[colour]), "bbox": box, "iscrowd": 0}
            for number, things in enumerate(photos)
            for colour, box in things.items()
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
        "licenses": [],
    }


def write_batch(folder: Path, photos: Sequence[Things], kinds: Mapping[str, str]) -> Path:
    """A batch of the Recycle Trash Dataset: photos and data.json."""
    folder.mkdir(parents=True)
    for number, things in enumerate(photos):
        (folder / f"{number:04}.jpg").write_bytes(board(things))
    (folder / "data.json").write_text(json.dumps(coco(photos, kinds)))
    return folder


class Site(ThreadingHTTPServer):
    """Serves `files` by path.

    Attributes:
        files: what lies where.
        faults: by path: ``"html"`` a web page instead; ``"cut"`` the connection breaks in the middle; ``"short"``
            it ends early and says nothing; ``"loop"`` a redirect to itself; a number: that status.
        asked: how often each path was asked for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, str | int] = {}
        self.asked: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site, path = self.server, self.path
        site.asked[path] += 1
        content, fault = site.files.get(path), site.faults.get(path)
        if isinstance(fault, int) or content is None:
            self._send(fault if isinstance(fault, int) else 404, b"")
        elif fault == "loop":
            self._send(302, b"", Location=path)
        elif fault == "html":
            self._send(200, b"<html>please log in</html>", Content_Type="text/html")
        elif fault == "short":
            self._send(200, content[: len(content) // 2])
        elif fault == "cut":
            self._send(200, content[: len(content) // 2], length=len(content))
        else:
            self._send(200, content, ETag='"1"')

    def _send(self, code: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(length or len(body)), "Connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def open_site() -> Iterator[Site]:
    """Serve while the block lasts."""
    with Site() as site:
        thread = Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()
