import pytest
import torch

from ecosorter.errors import RecipeError
from ecosorter.training.fit.device import head_device
from ecosorter.training.recipe import Trainer

needs_no_accelerator = pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator here")


@pytest.mark.parametrize("fields", [{}, {"devices": "auto"}])
def test_a_head_is_trained_on_the_processor_when_asked_to(fields: dict[str, object]) -> None:
    assert head_device(Trainer.model_validate({"accelerator": "cpu", **fields})) == torch.device("cpu")


@needs_no_accelerator
def test_without_an_accelerator_the_processor_is_chosen() -> None:
    assert head_device(Trainer()) == torch.device("cpu")


@needs_no_accelerator
@pytest.mark.parametrize("name", ["gpu", "cuda", "mps", "no such thing"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match=f"no device '{name}' here for trainer.accelerator: choose 'auto' or 'cpu'"):
        head_device(Trainer(accelerator=name))


@pytest.mark.parametrize(
    "fields",
    [{"devices": 2}, {"devices": [0, 1]}, {"num_nodes": 2}, {"strategy": "ddp"}],
)
def test_several_devices_are_for_networks(fields: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=r"one device\. Leave trainer\.devices"):
        head_device(Trainer.model_validate({"accelerator": "cpu", **fields}))
