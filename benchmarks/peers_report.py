"""What `benchmarks.peers` compares and wants, and how it is written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installed import installed_bytes
from benchmarks.timing import Measured, table

SHIPPED = "shipped"  # another network than that of the other ways, and larger
WAYS = {
    SHIPPED: "the model that ships, as it comes",
    "int8": "ours, int8",
    "float": "ours, float32",
    "onnxruntime": "ONNX Runtime and Pillow, float32",
    "torch": "torch eager and a DataLoader",
    "pipeline": "transformers `pipeline`",
    "pipeline-batches": "the same, in batches, two workers",
}
ROUNDS = 3
PIPELINES = ("pipeline", "pipeline-batches")  # the better one counts
GROWING = ("int8", "onnxruntime", "torch", "pipeline")
NEEDS = {
    "int8": ("ecosorter",),
    "onnxruntime": ("onnxruntime", "pillow"),
    "torch": ("torch", "transformers", "pillow"),
    "pipeline": ("torch", "transformers", "pillow"),
}
ENGINES = {
    "int8": "ONNX Runtime, int8",
    "torch": "torch eager, float32",
    "torch-nhwc": "torch eager, float32, channels last",
}
NETWORKS = {"shipped": "the network that ships", "mobilenet_v2": "MobileNetV2"}
WANTED = {"12 megapixels": 5.0, "384 pixels": 8.0}  # times the photos a second of the pipeline
WANTED_SHIPPED = {"384 pixels": 6.0}  # the same, of the model that ships
WANTED_ALONE = 4.0  # times the photos a second of torch, the network alone


@dataclass(frozen=True, slots=True)
class Steady:
    """What a way does once it runs: photos a second, seconds for one photo, and the classes that it finds."""

    rate: float
    single: float
    best: list[int]


@dataclass(frozen=True, slots=True)
class Alone:
    """The network without photos: photos a second by size of batch, and multiplications for one photo."""

    rates: dict[str, float]
    multiplications: int | None


def pipeline_rate(ways: Mapping[str, Steady]) -> float:
    """Return the photos a second of the better pipeline."""
    return max(ways[way].rate for way in PIPELINES)


def photos_table(kind: str, ways: Mapping[str, Steady], multiplications: int, limits: Mapping[str, float]) -> str:
    """One kind of photos as text."""
    rows = []
    for way, name in WAYS.items():
        here = ways[way]
        limit = limits["int8" if way.startswith("int8") else "float"] / multiplications
        same = sum(one == other for one, other in zip(here.best, ways["pipeline"].best, strict=True))
        rows.append(
            [
                name,
                f"{here.rate:.1f}",
                f"{here.rate / pipeline_rate(ways):.1f} x",
                f"{here.single * 1000:.0f} ms",
                f"{ways['pipeline'].single / here.single:.1f} x",
                "-" if way == SHIPPED else f"{here.rate / limit:.1%} of {limit:,.0f}",
                "-" if way == SHIPPED else f"{same / len(here.best):.0%}",
            ]
        )
    head = ["", "photos a second", "times the pipeline", "one photo", "faster by", "of the limit", "same answer"]
    return f"\n## {kind.capitalize()}, from file to answer\n\n{table(head, rows)}"


def growth_table(found: Mapping[int, Mapping[str, Measured]]) -> str:
    """Whole runs as text."""
    last = max(found)
    rows = []
    for way in GROWING:
        times = [found[number][way].seconds for number in found]
        rows.append(
            [
                WAYS[way],
                *(f"{seconds:.1f} s" for seconds in times),
                f"{found[last][way].peak_bytes / 1e6:,.0f} MB",
                f"{installed_bytes(NEEDS[way]) / 1e6:,.0f} MB",
            ]
        )
    head = ["", *(f"{number:,} photos" if number > 1 else "1 photo" for number in found), "peak memory", "installed"]
    return f"""
## Whole runs over small photos, from starting a process to its end

{table(head, rows)}

Ours is `ecosorter classify --out`, the others a short script. One photo is a cold start. Peak memory is that of
the main process at {last:,} photos; torch has two more for decoding. Installed: the packages with all
that they need, and the bytecode that pip compiles."""


def alone_table(found: Mapping[str, Mapping[str, Alone]], limits: Mapping[str, float]) -> str:
    """The networks alone as text."""
    rows = []
    for network, engines in found.items():
        multiplications = engines["torch"].multiplications or 0
        for engine, here in engines.items():
            limit = limits["int8" if engine == "int8" else "float"] / multiplications
            cells = [
                text
                for batch, rate in here.rates.items()
                for text in (f"{rate:.0f}", f"{engines['int8'].rates[batch] / rate:.1f} x", f"{rate / limit:.0%}")
            ]
            rows.append([f"{NETWORKS[network]}: {ENGINES[engine]}", *cells])
    head = [
        "",
        *(text for batch in (1, 32) for text in (f"batch {batch}: photos a second", "int8 / it", "of the limit")),
    ]
    return f"""
## The network alone, pixels in memory

{table(head, rows)}

The limit is the product of two large matrices, the best of {ROUNDS} runs: {limits["int8"] / 1e9:,.0f} billion
multiplications a second in 8-bit integers, {limits["float"] / 1e9:,.0f} in float32. A depthwise convolution cannot come
near it: it moves more than it multiplies."""


def verdicts(
    steadily: Mapping[str, Mapping[str, Steady]], networks: Mapping[str, Mapping[str, Alone]]
) -> dict[str, bool]:
    """Return each aim in words, and whether it is met."""
    found = {}
    for kind, ways in steadily.items():
        for way, aims in (("int8", WANTED), (SHIPPED, WANTED_SHIPPED)):
            if wanted := aims.get(kind):
                ratio = ways[way].rate / pipeline_rate(ways)
                words = f"{kind}, {WAYS[way]}: {ratio:.1f} times the pipeline (at least {wanted:.0f})"
                found[words] = ratio >= wanted
    for network, engines in networks.items():
        for batch, rate in engines["int8"].rates.items():
            ratio = rate / engines["torch"].rates[batch]
            words = (
                f"{NETWORKS[network]} alone, batch {batch}: int8 {ratio:.1f} times torch (at least {WANTED_ALONE:.0f})"
            )
            found[words] = ratio >= WANTED_ALONE
    return found


def draw(steadily: Mapping[str, Mapping[str, Steady]], grown: Mapping[int, Mapping[str, Measured]], file: Path) -> None:
    """Draw how many times faster than the pipeline each way is, and what whole runs take."""
    import matplotlib as mpl  # noqa: PLC0415 - this process stays small while it measures others

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for place, (kind, ways) in enumerate(steadily.items()):
        heights = [ways[way].rate / pipeline_rate(ways) for way in WAYS]
        left.barh([index + 0.4 * place for index in range(len(WAYS))], heights, 0.38, label=kind)
    left.set_yticks([index + 0.2 for index in range(len(WAYS))], [name.replace("`", "") for name in WAYS.values()])
    left.invert_yaxis()
    left.set(xlabel="photos a second, times the better pipeline", title="From file to answer")
    left.legend()
    for way in GROWING:
        seconds = [grown[number][way].seconds for number in grown]
        right.loglog(list(grown), seconds, marker="o", label=WAYS[way].replace("`", ""))
    right.set(xlabel="small photos", ylabel="seconds, from start to end", title="Whole runs")
    right.legend()
    right.grid(alpha=0.3)
    figure.savefig(file, dpi=110)
