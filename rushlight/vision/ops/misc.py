"""Building blocks that several models share, under the path torchvision gives them.

Frozen batch norm, convolution with norm and activation, squeeze-and-excitation, the multi-layer perceptron.
"""

from ... import functions as fn
from ...nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    BatchNorm3d,
    Conv2d,
    Conv3d,
    ConvTranspose2d,
    Dropout,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
)
from ...nn.functional import interpolate

__all__ = [
    "MLP",
    "BatchNorm2d",
    "Conv2d",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "ConvNormActivation",
    "ConvTranspose2d",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
    "interpolate",
]


class FrozenBatchNorm2d(Module):
    """BatchNorm2d whose statistics and affine parameters are buffers and never change.

    Args:
        num_features: C of the input (N, C, H, W).

    Source: torchvision.ops.FrozenBatchNorm2d
    """

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", fn.ones(num_features))
        self.register_buffer("bias", fn.zeros(num_features))
        self.register_buffer("running_mean", fn.zeros(num_features))
        self.register_buffer("running_var", fn.ones(num_features))

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def forward(self, x):
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def __repr__(self):
        return f"{self.__class__.__name__}({self.weight.shape[0]}, eps={self.eps})"


class ConvNormActivation(Sequential):
    """A convolution, then a norm, then an activation, the last two left out where None.

    Args:
        padding: by default what keeps the size at stride 1.
        bias: of the convolution; by default only without a norm.

    Source: torchvision.ops.misc.ConvNormActivation
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer=BatchNorm2d,
        activation_layer=ReLU,
        dilation=1,
        inplace=True,
        bias=None,
        conv_layer=Conv2d,
    ):
        if padding is None:
            padding = _same_padding(kernel_size, dilation)
        layers = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


def _same_padding(kernel_size, dilation):
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    dims = len(kernel_size) if not isinstance(kernel_size, int) else len(dilation)
    kernel = (kernel_size,) * dims if isinstance(kernel_size, int) else kernel_size
    spread = (dilation,) * dims if isinstance(dilation, int) else dilation
    return tuple((size - 1) // 2 * step for size, step in zip(kernel, spread, strict=True))


class Conv2dNormActivation(ConvNormActivation):
    """Conv2d, a norm and an activation.

    Source: torchvision.ops.Conv2dNormActivation
    """


class Conv3dNormActivation(ConvNormActivation):
    """Conv3d, a norm and an activation.

    Source: torchvision.ops.Conv3dNormActivation
    """

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1, **options):
        options.setdefault("norm_layer", BatchNorm3d)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups, conv_layer=Conv3d, **options
        )


class SqueezeExcitation(Module):
    """Channels weighted by what a small network makes of their means.

    Source: torchvision.ops.SqueezeExcitation, after Hu et al. 2018.
    """

    def __init__(self, input_channels, squeeze_channels, activation=ReLU, scale_activation=Sigmoid):
        super().__init__()
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def _scale(self, input):
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(squeezed))

    def forward(self, input):
        return self._scale(input) * input


class MLP(Sequential):
    """Linear layers with norm, activation and dropout between them, and dropout after the last.

    Args:
        hidden_channels: sizes of all layers, the last one's included.

    Source: torchvision.ops.MLP
    """

    def __init__(
        self,
        in_channels,
        hidden_channels,
        norm_layer=None,
        activation_layer=ReLU,
        inplace=None,
        bias=True,
        dropout=0.0,
    ):
        options = {} if inplace is None else {"inplace": inplace}
        layers = []
        for size in hidden_channels[:-1]:
            layers.append(Linear(in_channels, size, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(size))
            layers.append(activation_layer(**options))
            layers.append(Dropout(dropout, **options))
            in_channels = size
        layers.append(Linear(in_channels, hidden_channels[-1], bias=bias))
        layers.append(Dropout(dropout, **options))
        super().__init__(*layers)


class Permute(Module):
    """The input with its dimensions in another order.

    Source: torchvision.ops.Permute
    """

    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return fn.permute(x, self.dims)
