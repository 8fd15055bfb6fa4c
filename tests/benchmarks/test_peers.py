from benchmarks.peers_report import PIPELINES, WAYS, Alone, Steady, alone_table, photos_table, verdicts


def steady(**rates: float) -> dict[str, Steady]:
    return {way: Steady(rates.get(way.replace("-", "_"), 10.0), 0.1, [0, 1]) for way in WAYS}


def alone(int8: float, torch: float) -> dict[str, Alone]:
    return {
        engine: Alone({"1": rate, "32": rate}, 1000)
        for engine, rate in {"int8": int8, "torch": torch, "torch-nhwc": torch}.items()
    }


def test_the_better_pipeline_is_the_one_that_counts() -> None:
    large, small = steady(int8=60, pipeline=5, pipeline_batches=10), steady(int8=79, shipped=61)
    found = verdicts({"12 megapixels": large, "384 pixels": small}, {"shipped": alone(41, 10)})
    assert list(found.values()) == [True, False, True, True, True]
    assert next(iter(found)).startswith("12 megapixels, ours, int8: 6.0 times the pipeline")
    assert set(PIPELINES) < set(WAYS)
    assert not all(verdicts({}, {"shipped": alone(39, 10)}).values())


def test_shares_of_the_limit() -> None:
    limits = {"int8": 100_000.0, "float": 50_000.0}
    lines = photos_table("384 pixels", steady(int8=50), 1000, limits).splitlines()
    (ours,) = (line for line in lines if line.startswith("| ours, int8 |"))
    assert ours == "| ours, int8 | 50.0 | 5.0 x | 100 ms | 1.0 x | 50.0% of 100 | 100% |"
    assert "| 41 | 1.0 x | 41% |" in alone_table({"shipped": alone(41, 10)}, limits)
