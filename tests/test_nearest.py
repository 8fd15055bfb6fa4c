import pytest

from ecosorter.nearest import nearest


@pytest.mark.parametrize(
    ("word", "said"), [("plastk", " (did you mean 'plastik'?)"), ("logam", " (did you mean 'logam'?)"), ("xyz", "")]
)
def test_a_near_word_is_named_and_no_other(word: str, said: str) -> None:
    assert nearest(word, iter(["plastik", "logam"])) == said
