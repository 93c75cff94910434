"""Pieces that models share, under the path torchvision gives them."""

from collections import OrderedDict

from ...nn import ModuleDict


class IntermediateLayerGetter(ModuleDict):
    """The direct children of a model, run in their order up to the last one wanted, giving several outputs.

    Args:
        return_layers: name of a child -> name of its output.

    Raises:
        ValueError: a name is no child's.
    Source: torchvision.models._utils.IntermediateLayerGetter
    """

    def __init__(self, model, return_layers):
        children = dict(model.named_children())
        unknown = set(return_layers) - set(children)
        if unknown:
            raise ValueError(
                f"return_layers are not present in model: {sorted(unknown)} not among {list(children)}"
            )
        wanted = {str(name): str(output) for name, output in return_layers.items()}
        last = max(list(children).index(name) for name in wanted)
        super().__init__(OrderedDict(list(children.items())[: last + 1]))
        self.return_layers = wanted

    def forward(self, x):
        outputs = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                outputs[self.return_layers[name]] = x
        return outputs


def _make_divisible(v, divisor, min_value=None):
    """v rounded to a whole multiple of divisor, at least min_value, and never down by more than a tenth."""
    min_value = divisor if min_value is None else min_value
    rounded = max(min_value, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded
