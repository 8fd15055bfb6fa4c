import pytest

from ecosorter.serving.assets import takes


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("GZIP, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("gzip ; q=1", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("GZIP;Q=0", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity, *;q=0", False),
        ("deflate, br", False),
        ("notgzip", False),
        ("gzip;q=nonsense", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_goes_to_those_who_want_it(accepted: str, zipped: bool) -> None:
    assert takes("gzip", accepted) is zipped


@pytest.mark.parametrize(
    ("accepted", "taken"), [("gzip, br", True), ("*", True), ("gzip", False), ("br;q=0, *", False)]
)
def test_brotli_goes_to_those_who_want_it(accepted: str, taken: bool) -> None:
    assert takes("br", accepted) is taken
