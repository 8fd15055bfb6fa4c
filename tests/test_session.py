"""On which device a model computes, and whether it says the same there."""

from pathlib import Path

import onnxruntime
import pytest

from ecosorter import Classifier
from ecosorter.bundle import Bundle, load_bundle, shipped_bundles
from ecosorter.errors import BundleError
from ecosorter.session import SAME, Device, difference, open_session, providers
from tests.tiny import CLASSES, COLOURS, photo, tiny_bundle

CPU, CUDA, DML = "CPUExecutionProvider", "CUDAExecutionProvider", "DmlExecutionProvider"
OPENVINO, COREML, OTHER = "OpenVINOExecutionProvider", "CoreMLExecutionProvider", "AzureExecutionProvider"
HERE = onnxruntime.get_available_providers()
DEVICES: dict[str, Device] = {CUDA: "cuda", DML: "directml", OPENVINO: "openvino", COREML: "coreml"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.parametrize(
    ("device", "installed", "tried"),
    [
        ("auto", [CPU], []),
        ("auto", [OTHER, CPU], []),
        ("auto", [CPU, CUDA], [CUDA]),
        ("auto", [OPENVINO, CUDA, DML, CPU], [CUDA, DML, OPENVINO]),
        ("auto", [COREML, CPU], []),  # comes with every build for macOS
        ("cpu", [CUDA, CPU], []),
        ("cuda", [CUDA, CPU], [CUDA]),
        ("directml", [DML, CPU], [DML]),
        ("openvino", [CUDA, OPENVINO, CPU], [OPENVINO]),
        ("coreml", [COREML, CPU], [COREML]),
    ],
)
def test_which_providers_are_tried(device: Device, installed: list[str], tried: list[str]) -> None:
    assert providers(device, installed) == tried


@pytest.mark.parametrize(
    ("device", "package"),
    [
        ("cuda", "onnxruntime-gpu"),
        ("directml", "onnxruntime-directml"),
        ("openvino", "onnxruntime-openvino"),
        ("coreml", "macOS"),
    ],
)
def test_a_device_that_is_not_there_names_what_to_install(device: Device, package: str) -> None:
    with pytest.raises(BundleError, match=f"{device}.*{CPU}.*{package}"):
        providers(device, [OTHER, CPU])


def test_what_is_not_installed_cannot_be_asked_for(bundle: Bundle) -> None:
    absent = [device for provider, device in DEVICES.items() if provider not in HERE]
    assert absent, "nobody has all four"
    for device in absent:
        with pytest.raises(BundleError, match="install"):
            Classifier.load(bundle.folder, device=device)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_an_accelerator_it_is_the_cpu(bundle: Bundle, device: Device) -> None:
    if device == "auto" and any(provider in HERE for provider in (CUDA, DML, OPENVINO)):
        pytest.skip("there is an accelerator's provider here")
    assert open_session(bundle, device=device).get_providers() == [CPU]
    found = Classifier.load(bundle.folder, device=device).classify([photo(COLOURS[label]) for label in CLASSES])
    assert [prediction.label for prediction in found] == list(CLASSES)


def test_another_model_gives_other_answers(bundle: Bundle, tmp_path: Path) -> None:
    other = tiny_bundle(tmp_path / "other", tuple(reversed(CLASSES)))
    one, two = open_session(bundle, device="cpu"), open_session(other, device="cpu")
    assert difference(one, one, bundle.info) == 0
    assert difference(one, two, bundle.info) > 0.1


@pytest.mark.parametrize("provider", DEVICES)
@pytest.mark.parametrize("name", ["tiny", "shipped"])
def test_a_device_says_what_the_cpu_says(bundle: Bundle, provider: str, name: str) -> None:
    if provider not in HERE:
        pytest.skip(f"this ONNX Runtime has no {provider}")
    # In 8 bits a device may round a half the other way, layer after layer; `auto` is stricter, and stays on the CPU.
    model, tolerance = (bundle, SAME) if name == "tiny" else (load_bundle(shipped_bundles()[0]), 0.05)
    try:
        session = open_session(model, device=DEVICES[provider])
    except BundleError as error:
        pytest.skip(f"{provider} is installed but does not start: {error}")
    assert difference(open_session(model, device="cpu"), session, model.info) < tolerance


@pytest.mark.parametrize(("same", "chosen"), [(SAME, OTHER), (0.0, CPU)])
def test_auto_takes_what_gives_the_same_answers(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, same: float, chosen: str
) -> None:
    if OTHER not in HERE:
        pytest.skip(f"this ONNX Runtime has no {OTHER}, which stands in for an accelerator")
    monkeypatch.setattr("ecosorter.session._PROVIDERS", {"cuda": (OTHER, "")})
    monkeypatch.setattr("ecosorter.session.SAME", same)
    assert open_session(bundle).get_providers()[0] == chosen
