"""The layers of a network in blocks, from the photo on, as learning rates by layer need them."""

from collections.abc import Iterator

from torch import nn


def parameters_by_block(body: nn.Module) -> list[list[nn.Parameter]]:
    """Return the trainable parameters of a network, block by block, from the photo on; each is in one block.

    Lists of blocks are found at any depth. A block is an entry of a list whose entries have two weights or more each:
    so a stage of a ResNet is a list of blocks, and the convolutions of one of its blocks are not.
    """
    taken: set[nn.Parameter] = set()
    blocks = []
    for found in _blocks(body):
        block = [value for value in found if value.requires_grad and value not in taken]
        taken.update(block)
        if block:
            blocks.append(block)
    return blocks


def _blocks(module: nn.Module) -> Iterator[list[nn.Parameter]]:
    if not any(_lists_blocks(part) for part in module.modules()):
        yield list(module.parameters())
        return
    yield list(module.parameters(recurse=False))
    for child in module.children():
        yield from _blocks(child)


def _lists_blocks(module: nn.Module) -> bool:
    entries = [sum(value.dim() > 1 for value in entry.parameters()) for entry in module.children()]
    return isinstance(module, nn.Sequential | nn.ModuleList) and len(entries) > 0 and min(entries) > 1
