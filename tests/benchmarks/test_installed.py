from importlib.metadata import distribution
from pathlib import Path

from benchmarks.installed import installed_bytes
from ecosorter.bundle import shipped_bundles


def test_what_is_installed_counts_with_all_that_it_needs() -> None:
    program, model = installed_bytes(["ecosorter"]), (shipped_bundles()[0] / "model.onnx").stat().st_size
    assert program > installed_bytes(["onnxruntime"]) + model
    assert program == installed_bytes(["EcoSorter", "onnxruntime"])
    assert installed_bytes(["pillow"]) > sum(path.stat().st_size for path in Path(__file__).parent.glob("*.py"))
    assert installed_bytes(["no-such-package"]) == 0


def test_bytecode_counts_unless_it_is_left_out() -> None:
    listed = [Path(str(file.locate())) for file in distribution("packaging").files or ()]
    sizes = {path: path.stat().st_size for path in listed if path.is_file()}
    assert installed_bytes(["packaging"]) == sum(sizes.values())
    sources = sum(size for path, size in sizes.items() if path.suffix != ".pyc")
    assert installed_bytes(["packaging"], bytecode=False) == sources < sum(sizes.values())
