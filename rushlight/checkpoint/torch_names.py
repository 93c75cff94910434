"""Which of rushlight's objects PyTorch's files mean by which name.

Files say `torch.nn.modules.linear.Linear` or `torch._utils._rebuild_tensor_v2`; so do the files that we
write, and PyTorch can load them. Here are the tables for both directions. Nothing here is looked up in
PyTorch itself, which need not be installed, and nothing is imported because a file names it.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from .. import dtypes, nn
from .. import functions as fn
from ..autograd.hooks import RemovableHandle
from ..devices import Device
from ..dtypes import DType
from ..nn import functional as nn_functional
from ..nn.hooks import WrappedHook
from ..nn.parameter import Parameter
from ..shapes import Size
from ..tensor import Tensor

# The package's own name, and the modules whose code is rushlight's.
PACKAGE = __name__.partition(".")[0]


class TorchName:
    """Stands for something that only PyTorch has, such as `torch._utils._rebuild_tensor_v2`.

    Written, it becomes that name. Read, it marks what the file asks for; it can do nothing by itself.
    """

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self, *args: Any) -> Any:
        raise TypeError(f"{self!r} is a name in a file, not a function")

    def __repr__(self) -> str:
        return f"{self.module}.{self.name}"


class StorageType(TorchName):
    """`torch.FloatStorage` and the like: what type of numbers a storage holds."""

    __slots__ = ("dtype_name",)

    def __init__(self, module: str, name: str, dtype_name: str) -> None:
        super().__init__(module, name)
        self.dtype_name = dtype_name


_STORAGE_NAMES = {
    "float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage", "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage",
    "int8": "CharStorage", "uint8": "ByteStorage", "bool": "BoolStorage",
    "complex128": "ComplexDoubleStorage", "complex64": "ComplexFloatStorage",
}  # fmt: skip

STORAGE_TYPES = {dtype: StorageType("torch", name, dtype) for dtype, name in _STORAGE_NAMES.items()}
UNTYPED = StorageType("torch.storage", "UntypedStorage", "uint8")

REBUILD_TENSOR = TorchName("torch._utils", "_rebuild_tensor")
REBUILD_TENSOR_V2 = TorchName("torch._utils", "_rebuild_tensor_v2")
REBUILD_TENSOR_V3 = TorchName("torch._utils", "_rebuild_tensor_v3")
REBUILD_META = TorchName("torch._utils", "_rebuild_meta_tensor_no_storage")
REBUILD_PARAMETER = TorchName("torch._utils", "_rebuild_parameter")
REBUILD_PARAMETER_WITH_STATE = TorchName("torch._utils", "_rebuild_parameter_with_state")
REBUILD_FROM_TYPE = TorchName("torch._tensor", "_rebuild_from_type_v2")
REBUILD_FROM_NUMPY = TorchName("torch._utils", "_rebuild_device_tensor_from_numpy")
REBUILD_FROM_CPU = TorchName("torch._utils", "_rebuild_device_tensor_from_cpu_tensor")
GET_LAYOUT = TorchName("torch.serialization", "_get_layout")
GENERATOR = TorchName("torch._C", "Generator")
DEVICE = TorchName("torch", "device")
SIZE = TorchName("torch", "Size")
# PyTorch's own operations are methods of this class; files reach them as getattr(it, "relu").
VARIABLE_FUNCTIONS = TorchName("torch._C", "_VariableFunctionsClass")

# PyTorch's modules of layers, and the classes in each.
_LAYERS = {
    "activation": "Threshold ReLU RReLU Hardtanh ReLU6 Sigmoid Hardsigmoid Tanh SiLU Mish Hardswish ELU "
    "CELU SELU GLU GELU Hardshrink LeakyReLU LogSigmoid Softplus Softshrink MultiheadAttention PReLU "
    "Softsign Tanhshrink Softmin Softmax Softmax2d LogSoftmax",
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": "_NormBase _BatchNorm _LazyNormBase BatchNorm1d LazyBatchNorm1d BatchNorm2d "
    "LazyBatchNorm2d BatchNorm3d LazyBatchNorm3d SyncBatchNorm",
    "channelshuffle": "ChannelShuffle",
    "container": "Container Sequential ModuleList ModuleDict ParameterList ParameterDict",
    "conv": "_ConvNd Conv1d Conv2d Conv3d _ConvTransposeNd ConvTranspose1d ConvTranspose2d ConvTranspose3d "
    "_ConvTransposeMixin LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d "
    "LazyConvTranspose3d",
    "distance": "PairwiseDistance CosineSimilarity",
    "dropout": "_DropoutNd Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": "_InstanceNorm InstanceNorm1d LazyInstanceNorm1d InstanceNorm2d LazyInstanceNorm2d "
    "InstanceNorm3d LazyInstanceNorm3d",
    "linear": "Identity Linear NonDynamicallyQuantizableLinear Bilinear LazyLinear",
    "loss": "_Loss _WeightedLoss L1Loss NLLLoss NLLLoss2d PoissonNLLLoss GaussianNLLLoss KLDivLoss MSELoss "
    "BCELoss BCEWithLogitsLoss HingeEmbeddingLoss MultiLabelMarginLoss SmoothL1Loss HuberLoss "
    "SoftMarginLoss CrossEntropyLoss LinearCrossEntropyLoss MultiLabelSoftMarginLoss CosineEmbeddingLoss "
    "MarginRankingLoss MultiMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss CTCLoss",
    "module": "Module",
    "normalization": "LocalResponseNorm CrossMapLRN2d LayerNorm GroupNorm RMSNorm",
    "padding": "_CircularPadNd CircularPad1d CircularPad2d CircularPad3d _ConstantPadNd ConstantPad1d "
    "ConstantPad2d ConstantPad3d _ReflectionPadNd ReflectionPad1d ReflectionPad2d ReflectionPad3d "
    "_ReplicationPadNd ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d",
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": "_MaxPoolNd MaxPool1d MaxPool2d MaxPool3d _MaxUnpoolNd MaxUnpool1d MaxUnpool2d MaxUnpool3d "
    "_AvgPoolNd AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d _LPPoolNd LPPool1d "
    "LPPool2d LPPool3d _AdaptiveMaxPoolNd AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d "
    "_AdaptiveAvgPoolNd AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d",
    "rnn": "RNNBase RNN LSTM GRU RNNCellBase RNNCell LSTMCell GRUCell",
    "sparse": "Embedding EmbeddingBag",
    "transformer": "Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer "
    "TransformerDecoderLayer",
    "upsampling": "Upsample UpsamplingNearest2d UpsamplingBilinear2d",
}

LAYER_MODULES = {
    name: f"torch.nn.modules.{module}" for module, names in _LAYERS.items() for name in names.split()
}

# A class that rushlight needs no kind of its own for.
_STAND_INS = {"NonDynamicallyQuantizableLinear": "Linear"}

# Functions of `torch` itself that a module may hold as an attribute: arithmetic on tensors and nothing else.
_TENSOR_FUNCTIONS = frozenset(
    "abs acos acosh add addmm amax amin argmax argmin asin asinh atan atan2 atanh baddbmm bmm bilinear cat "
    "ceil celu celu_ clamp conv1d conv2d conv3d cos cosh cumsum div dot dropout einsum embedding erf erfc "
    "exp expm1 flatten floor group_norm hardshrink instance_norm layer_norm log log10 log1p log2 "
    "log_softmax logsumexp matmul max max_pool1d max_pool2d maximum mean min minimum mm mul multiply neg "
    "norm permute pow prelu prod reciprocal relu relu_ rms_norm round rrelu rrelu_ rsqrt selu selu_ sigmoid "
    "sigmoid_ sign sin sinc sinh softmax softplus sqrt "
    "square squeeze stack std sub subtract sum tan tanh tanh_ threshold transpose unsqueeze var where".split()
)


# Classes whose place in rushlight says nothing of their place in PyTorch.
_CLASS_NAMES = {
    Tensor: ("torch", "Tensor"),
    Parameter: ("torch.nn.parameter", "Parameter"),
    DType: ("torch", "dtype"),
    Device: ("torch", "device"),
    Size: ("torch", "Size"),
    RemovableHandle: ("torch.utils.hooks", "RemovableHandle"),
    WrappedHook: ("torch.nn.modules.module", "_WrappedHook"),
}


def is_own(module: str | None) -> bool:
    """Whether code that says it is from `module` is rushlight's own."""
    return module is not None and module.partition(".")[0] == PACKAGE


def dtype_called(name: str) -> Any:
    """The dtype that files call torch.`name`, or None."""
    return dtypes.NAMES.get(name)


def storage_type_called(module: str, name: str) -> StorageType | None:
    """torch.FloatStorage, torch.cuda.FloatStorage, torch.storage.UntypedStorage, ..., or None."""
    if name == "UntypedStorage" and module in ("torch", "torch.storage", "torch.cuda"):
        return UNTYPED
    if module in ("torch", "torch.cuda"):
        return _STORAGES_BY_NAME.get(name)
    return None


_STORAGES_BY_NAME = {storage.name: storage for storage in STORAGE_TYPES.values()}


def return_type(name: str) -> TorchName:
    """torch.return_types.`name`, the class of a function's result with named fields."""
    return TorchName("torch.return_types", name)


def layer_class(module: str, name: str) -> type | None:
    """rushlight's class for a layer that files call torch.nn.`module`.`name`, or None."""
    found = vars(nn).get(name) or _in_layer_modules(name)
    if found is None and name in _STAND_INS:
        found = vars(nn).get(_STAND_INS[name])
    return found if isinstance(found, type) and issubclass(found, nn.Module) else None


def _in_layer_modules(name: str) -> Any:
    """A class that rushlight.nn does not export, such as _ConvNd."""
    prefix = f"{nn.__name__}."
    for path, module in list(sys.modules.items()):
        if path.startswith(prefix) and name in vars(module):
            return vars(module)[name]
    return None


def function_called(module: str, name: str) -> Any:
    """rushlight's function for one that files call `module`.`name`, if a module may hold it; else None.

    Only arithmetic on tensors: whatever a file makes a module call later cannot reach a file or a process.
    """
    if module in ("torch.nn.functional", "torch._C._nn"):
        found = vars(nn_functional).get(name)
        return found if not name.startswith("_") and _is_own_function(found) else None
    if module in ("torch", "torch._C._VariableFunctionsClass") and name in _TENSOR_FUNCTIONS:
        return getattr(fn, name, None)
    return None


def _is_own_function(found: Any) -> bool:
    return callable(found) and not isinstance(found, type) and is_own(getattr(found, "__module__", None))


def written_name(obj: Any) -> tuple[str, str] | None:
    """The name to write for one of rushlight's own classes or functions; None for everything else.

    Layers get PyTorch's names, so that PyTorch can load the file.
    """
    module, name = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
    if not isinstance(module, str) or not is_own(module) or not isinstance(name, str) or "<" in name:
        return None
    if isinstance(obj, type):
        if obj in _CLASS_NAMES:
            return _CLASS_NAMES[obj]
        if issubclass(obj, nn.Module) and name in LAYER_MODULES and layer_class("", name) is obj:
            return LAYER_MODULES[name], name
        return torch_module(module), name
    if vars(nn_functional).get(name) is obj:
        return "torch.nn.functional", name
    if getattr(fn, name, None) is obj:
        return "torch", name
    return torch_module(module), name


def torch_module(module: str) -> str:
    """What PyTorch calls one of rushlight's modules: rushlight.nn.init is torch.nn.init."""
    rest = module.removeprefix(PACKAGE)
    if rest == ".vision" or rest.startswith(".vision."):
        return "torchvision" + rest.removeprefix(".vision")
    return "torch" + rest


def own_module(module: str) -> types.ModuleType | None:
    """rushlight's imported module for torch.x or torchvision.x, or None."""
    root, _, rest = module.partition(".")
    base = {"torch": PACKAGE, "torchvision": f"{PACKAGE}.vision"}.get(root)
    if base is None:
        return None
    return sys.modules.get(f"{base}.{rest}" if rest else base)


__all__ = [
    "DEVICE", "GENERATOR", "GET_LAYOUT", "LAYER_MODULES", "PACKAGE", "REBUILD_FROM_CPU", "REBUILD_FROM_NUMPY",
    "REBUILD_FROM_TYPE", "REBUILD_META", "REBUILD_PARAMETER", "REBUILD_PARAMETER_WITH_STATE",
    "REBUILD_TENSOR", "REBUILD_TENSOR_V2", "REBUILD_TENSOR_V3", "SIZE", "STORAGE_TYPES", "StorageType",
    "TorchName", "UNTYPED", "VARIABLE_FUNCTIONS", "dtype_called", "function_called", "is_own", "layer_class",
    "own_module", "return_type", "storage_type_called", "torch_module", "written_name",
]  # fmt: skip
