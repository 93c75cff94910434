"""How models are found by name, and how they get weights.

A builder is registered with `register_model`. Its `weights` may be None, the path of a file with a state
dict, or a member of the model's enum such as `ResNet18_Weights.DEFAULT` (or its name). Nothing is downloaded:
a member is looked for in PyTorch's cache of checkpoints, and where it is not there, the error says which file
to get and to pass its path.
"""

import fnmatch
import functools
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ...checkpoint import load
from ..transforms._presets import ImageClassification

_BUILDERS: dict[str, Any] = {}
_ENUMS: dict[str, Any] = {}


@dataclass
class Weights:
    """Where a file of pretrained weights is published, the preprocessing it wants, and facts about it.

    Source: torchvision.models.Weights
    """

    url: str
    transforms: Any
    meta: Mapping

    def __eq__(self, other):
        # Enum members of equal value are aliases of each other; the file tells them apart.
        return isinstance(other, Weights) and self.url == other.url

    def __hash__(self):
        return hash(self.url)


class WeightsEnum(Enum):
    """The base of each model's enum of published weights.

    Source: torchvision.models.WeightsEnum
    """

    @classmethod
    def verify(cls, obj):
        """The member that `obj`, a member or its name, stands for; None for None."""
        if obj is None or isinstance(obj, cls):
            return obj
        if isinstance(obj, str):
            name = obj.replace(cls.__name__ + ".", "")
            if name in cls.__members__:
                return cls[name]
        known = ", ".join(cls.__members__)
        raise TypeError(
            f"Invalid Weight class provided; expected {cls.__name__} ({known}) but received {obj!r}."
        )

    @property
    def url(self):
        return self.value.url

    @property
    def transforms(self):
        return self.value.transforms

    @property
    def meta(self):
        return self.value.meta

    def local_file(self):
        """The path of the weights in PyTorch's cache of checkpoints.

        Raises:
            RuntimeError: they are not there; the message says what to get and what to do with it.
        """
        name = self.url.rsplit("/", 1)[-1]
        folder = checkpoint_folder()
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            raise RuntimeError(
                f"{self}: rushlight does not download weights. Get {self.url} and pass a local file, "
                f"weights='path/to/{name}', or put it into {folder}."
            )
        return path

    def get_state_dict(self, *args, **kwargs):
        """The state dict in `local_file()`; arguments are accepted for torchvision's sake and not used."""
        return load(self.local_file(), weights_only=True)

    def __repr__(self):
        return f"{self.__class__.__name__}.{self.name}"


def checkpoint_folder():
    """Where PyTorch keeps what it has downloaded: $TORCH_HOME/hub/checkpoints or the default for it."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub", "checkpoints")


def imagenet_weights(filename, num_params, crop_size=224, resize_size=256, min_size=(1, 1), **preset):
    """Weights for ImageNet's thousand classes, published under PyTorch's usual address."""
    return Weights(
        url=f"https://download.pytorch.org/models/{filename}",
        transforms=functools.partial(
            ImageClassification, crop_size=crop_size, resize_size=resize_size, **preset
        ),
        meta={"num_params": num_params, "num_classes": 1000, "min_size": min_size},
    )


def register_model(weights_enum=None, name=None):
    """A decorator for builders `build(weights, **settings)`: gives them torchvision's signature and a name.

    What the builder gets as weights is None, a member of the enum, or a path. With a member, num_classes is
    the member's own, and another number is an error.
    """

    def register(build):
        key = name or build.__name__

        @functools.wraps(build)
        def builder(*args, weights=None, progress=True, **settings):
            weights = _given_weights(args, weights, settings, weights_enum, key)
            if isinstance(weights, WeightsEnum):
                _settle_num_classes(settings, weights.meta["num_classes"], weights)
                weights.local_file()  # what is missing is said before a large model is built
            return build(weights, **settings)

        _BUILDERS[key] = builder
        _ENUMS[key] = weights_enum
        return builder

    return register


def _given_weights(args, weights, settings, weights_enum, name):
    if args:
        if len(args) > 1:
            raise TypeError(f"{name}() takes weights alone by position, got {len(args)} arguments")
        weights = args[0]
    if "pretrained" in settings:
        weights = settings.pop("pretrained")
        warnings.warn("The parameter 'pretrained' is deprecated, please use 'weights' instead.", stacklevel=3)
    if weights is None or weights is False:
        return None
    if weights is True:
        weights = "DEFAULT"
    if isinstance(weights, (str, os.PathLike)) and os.path.isfile(weights):
        return weights
    if weights_enum is None:
        raise ValueError(f"{name}: there are no published weights; pass the path of a file, got {weights!r}")
    if isinstance(weights, os.PathLike) or (isinstance(weights, str) and _looks_like_path(weights)):
        raise FileNotFoundError(f"{name}: there is no file {os.fspath(weights)} to load weights from")
    if weights == "DEFAULT" and "DEFAULT" not in weights_enum.__members__:
        weights = next(iter(weights_enum.__members__))
    return weights_enum.verify(weights)


def _looks_like_path(text):
    return os.sep in text or text.endswith((".pt", ".pth", ".safetensors", ".bin"))


def _settle_num_classes(settings, expected, weights):
    given = settings.setdefault("num_classes", expected)
    if given is None:
        settings["num_classes"] = expected
    elif given != expected:
        raise ValueError(
            f"The parameter 'num_classes' expected value {expected} for {weights} but got {given} instead. "
            "Build with those weights and replace the last layer."
        )


def state_dict_of(weights):
    """The state dict behind a member of an enum or a path; None for None."""
    if weights is None:
        return None
    if isinstance(weights, WeightsEnum):
        return weights.get_state_dict()
    state_dict = load(weights, weights_only=True)
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"{os.fspath(weights)}: a state dict was expected, the file holds a {type(state_dict).__name__}"
        )
    return state_dict


def loaded(model, weights):
    """The model, with the weights loaded where there are any."""
    state_dict = state_dict_of(weights)
    if state_dict is not None:
        model.load_state_dict(state_dict)
    return model


def list_models(module=None, include=None, exclude=None):
    """Names of the registered models, sorted.

    Args:
        module: only those of this module, e.g. `models.segmentation`; without it, of all.
        include, exclude: a pattern of names such as "resnet*", or several.

    Source: torchvision.models.list_models
    Example:
        >>> from rushlight.vision.models import list_models
        >>> list_models(include="resnet*")
        ['resnet101', 'resnet152', 'resnet18', 'resnet34', 'resnet50']
    """
    names = set(_BUILDERS)
    if module is not None:
        package = module.__name__
        names = {name for name in names if _BUILDERS[name].__module__.startswith(package)}
    if include:
        names = {name for name in names if _matches(name, include)}
    if exclude:
        names = {name for name in names if not _matches(name, exclude)}
    return sorted(names)


def _matches(name, patterns):
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def get_model_builder(name):
    """The function that builds the model of this name.

    Source: torchvision.models.get_model_builder
    """
    if name.lower() not in _BUILDERS:
        raise ValueError(f"Unknown model {name}; list_models() has the known ones")
    return _BUILDERS[name.lower()]


def get_model(name, **config):
    """The model of this name, built with `config`.

    Source: torchvision.models.get_model
    """
    return get_model_builder(name)(**config)


def get_model_weights(name):
    """The enum of weights of a model, given by name or as its builder.

    Source: torchvision.models.get_model_weights
    """
    key = name if isinstance(name, str) else name.__name__
    enum = _ENUMS.get(key.lower())
    if enum is None:
        raise ValueError(f"Unknown model {key}, or one without published weights")
    return enum


def get_weight(name):
    """A member of an enum by its full name, such as "ResNet50_Weights.IMAGENET1K_V1".

    Source: torchvision.models.get_weight
    """
    enum_name, _, member = name.partition(".")
    for enum in _ENUMS.values():
        if enum is not None and enum.__name__ == enum_name:
            return enum.verify(member)
    raise ValueError(
        f"The weight enum {enum_name!r} couldn't be found; expected e.g. 'ResNet50_Weights.DEFAULT'."
    )
