"""Intermediate outputs of a model by the names of its modules.

torchvision traces the model into a graph whose nodes are modules' calls and single operations. Here the nodes
are the modules' calls alone, watched by forward hooks: the whole model runs, and code of any kind may stand
in its `forward`.
"""

from collections import OrderedDict

from ...nn import Module


class FeatureExtractor(Module):
    """A model that returns what some of its modules return, in a dictionary.

    It shares the model's modules, parameters and buffers: a state dict of either fits the other.

    Args:
        model: the model.
        train_nodes, eval_nodes: node -> name of the output, for training and for evaluation.
    """

    def __init__(self, model, train_nodes, eval_nodes):
        super().__init__()
        self._modules = model._modules
        self._parameters = model._parameters
        self._buffers = model._buffers
        self.training = model.training
        self.train_return_nodes = train_nodes
        self.eval_return_nodes = eval_nodes
        self._watched = (model,)  # in a tuple, so that it does not become a module within itself

    def forward(self, *args, **kwargs):
        (model,) = self._watched
        model.training = self.training
        wanted = self.train_return_nodes if self.training else self.eval_return_nodes
        modules = dict(model.named_modules())
        found = {}
        hooks = []
        for node in wanted:
            path, call = _module_and_call(modules, node)
            hooks.append(modules[path].register_forward_hook(_keeper(found, node, call)))
        try:
            model(*args, **kwargs)
        finally:
            for hook in hooks:
                hook.remove()
        for node in wanted:
            if node not in found:
                raise RuntimeError(f"create_feature_extractor: {node!r} did not run in this forward pass")
        return OrderedDict((output, found[node]) for node, output in wanted.items())


def _keeper(found, node, call):
    """A forward hook that keeps the output of the call with this number, or of the last one for None."""
    seen = [0]

    def keep(module, inputs, output):
        if call is None or seen[0] == call:
            found[node] = output
        seen[0] += 1

    return keep


def _module_and_call(modules, node):
    """A module's path and which of its calls is meant: `relu_1` is the second call of `relu`, if no module is."""
    if node in modules:
        return node, None
    path, _, number = node.rpartition("_")
    if path in modules and number.isdigit():
        return path, int(number)
    known = ", ".join(name for name in modules if name)
    raise ValueError(f"node: '{node}' is not present in model. Its modules are: {known}")


def create_feature_extractor(
    model,
    return_nodes=None,
    train_return_nodes=None,
    eval_return_nodes=None,
    tracer_kwargs=None,
    suppress_diff_warning=False,
):
    """A model that returns the outputs of the named modules in a dictionary.

    Args:
        model: any module.
        return_nodes: names of modules, such as "layer4.1.conv2", or a dictionary from those to names of
            outputs. Of a module called several times the last output counts; "relu_1" is the second.
        train_return_nodes, eval_return_nodes: the same for training and evaluation apart, both of them.
        tracer_kwargs, suppress_diff_warning: accepted for torchvision's sake; there is nothing to trace.

    Raises:
        ValueError: a name is no module's, or the nodes are given in both ways or in none.
    Source: torchvision.models.feature_extraction.create_feature_extractor
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.models import lenet
        >>> from rushlight.vision.models.feature_extraction import create_feature_extractor
        >>> extractor = create_feature_extractor(lenet(), {"features": "maps"})
        >>> extractor(torch.zeros(1, 1, 28, 28))["maps"].shape
        torch.Size([1, 16, 5, 5])
    """
    apart = (train_return_nodes is not None, eval_return_nodes is not None)
    if (return_nodes is None) == (apart == (False, False)) or apart[0] != apart[1]:
        raise ValueError(
            "create_feature_extractor: give return_nodes, or train_return_nodes and eval_return_nodes "
            "together"
        )
    train = _as_dictionary(train_return_nodes if return_nodes is None else return_nodes)
    evaluation = _as_dictionary(eval_return_nodes if return_nodes is None else return_nodes)
    modules = dict(model.named_modules())
    for node in [*train, *evaluation]:
        _module_and_call(modules, node)
    return FeatureExtractor(model, train, evaluation)


def _as_dictionary(nodes):
    if isinstance(nodes, dict):
        return {str(node): str(output) for node, output in nodes.items()}
    return {str(node): str(node) for node in nodes}


def get_graph_node_names(model, tracer_kwargs=None, suppress_diff_warning=False):
    """(names for training, names for evaluation) of the modules that `create_feature_extractor` can return.

    Source: torchvision.models.feature_extraction.get_graph_node_names
    """
    names = [name for name, _ in model.named_modules() if name]
    return names, list(names)
