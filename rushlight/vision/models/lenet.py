"""LeNet-5, the small convolutional network that digits are usually tried on first.

torchvision has none; this one takes 28 by 28 or 32 by 32 pictures of any number of channels.
"""

from ...nn import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from ._api import loaded, register_model


class LeNet(Module):
    """Two convolutions with pooling, three linear layers.

    Args:
        num_classes: size of the output.
        in_channels: channels of the input (N, in_channels, S, S).
        image_size: S, 28 (padded to 32 by the first convolution) or 32.

    Source: LeCun et al. 1998, with ReLU and max pooling for the original's tanh and subsampling.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.models import LeNet
        >>> LeNet()(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, num_classes=10, in_channels=1, image_size=28):
        super().__init__()
        if image_size not in (28, 32):
            raise ValueError(f"LeNet: image_size should be 28 or 32, got {image_size}")
        self.features = Sequential(
            Conv2d(in_channels, 6, kernel_size=5, padding=(32 - image_size) // 2),
            ReLU(),
            MaxPool2d(2),
            Conv2d(6, 16, kernel_size=5),
            ReLU(),
            MaxPool2d(2),
        )
        self.classifier = Sequential(
            Flatten(),
            Linear(16 * 5 * 5, 120),
            ReLU(),
            Linear(120, 84),
            ReLU(),
            Linear(84, num_classes),
        )

    def forward(self, x):
        return self.classifier(self.features(x))


@register_model()
def lenet(weights, **settings):
    """LeNet-5.

    Args:
        weights: None, or the path of a file with a state dict.
        settings: of `LeNet`.
    """
    return loaded(LeNet(**settings), weights)
