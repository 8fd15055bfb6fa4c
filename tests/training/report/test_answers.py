from ecosorter.evaluation.scores import LabelledPrediction
from ecosorter.training.report.answers import best_class, by_cell, confidence, spread, surest_first, worst_mistakes


def answer(path: str, label: str, a: float) -> LabelledPrediction:
    return LabelledPrediction(path=path, label=label, probabilities={"a": a, "b": 1 - a})


ANSWERS = [answer("1", "a", 0.9), answer("2", "b", 0.8), answer("3", "b", 0.1), answer("4", "b", 0.95)]


def test_the_most_probable_class_is_the_answer_and_of_equal_ones_the_first() -> None:
    assert [best_class(one) for one in ANSWERS] == ["a", "a", "b", "a"]
    assert best_class(answer("5", "b", 0.5)) == "a"
    assert confidence(ANSWERS[2]) == 0.9


def test_the_surest_come_first_and_equal_ones_by_path() -> None:
    assert [one.path for one in surest_first(reversed(ANSWERS))] == ["4", "1", "3", "2"]


def test_cells_hold_every_answer_once() -> None:
    cells = {cell: [one.path for one in answers] for cell, answers in by_cell(ANSWERS).items()}
    assert cells == {("a", "a"): ["1"], ("b", "a"): ["4", "2"], ("b", "b"): ["3"]}


def test_the_worst_mistakes_are_wrong_and_sure() -> None:
    assert [one.path for one in worst_mistakes(ANSWERS, 5)] == ["4", "2"]
    assert [one.path for one in worst_mistakes(ANSWERS, 1)] == ["4"]


def test_samples_are_spread_over_all() -> None:
    many = [answer(str(number), "a", 0.5) for number in range(100)]
    assert [one.path for one in spread(many, 4)] == ["0", "25", "50", "75"]
    assert spread(many[:3], 4) == many[:3]
