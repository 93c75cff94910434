"""The small workloads of `rushlight bench`: a training step of each usual kind of network, and elementwise work.

Each makes its model and data from a seed and gives a function that does one step.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import functions as fn
from .. import nn, optim
from ..nn import functional as F
from ..tensor import Tensor

Step = Callable[[], Tensor]


def mlp() -> Step:
    """Three linear layers and Adam, 256 rows of 784."""
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    x, y = fn.randn(256, 784), fn.randint(0, 10, (256,))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    return _training(model, optimizer, lambda: F.cross_entropy(model(x), y))


def cnn() -> Step:
    """Two convolutions with pooling and two linear layers, SGD with momentum, 64 pictures of 28 x 28."""
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    x, y = fn.randn(64, 1, 28, 28), fn.randint(0, 10, (64,))
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return _training(model, optimizer, lambda: F.cross_entropy(model(x), y))


class _Residual(nn.Module):
    """Two convolutions with batch norm beside a shortcut."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer), nn.ReLU(),
            nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer),
        )  # fmt: skip
        same = inner == outer and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inner, outer, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def resnet() -> Step:
    """Six residual blocks of 32 to 128 channels, SGD with momentum, 16 pictures of 32 x 32."""
    blocks = [(32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        *[_Residual(*block) for block in blocks],
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    x, y = fn.randn(16, 3, 32, 32), fn.randint(0, 10, (16,))
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return _training(model, optimizer, lambda: F.cross_entropy(model(x), y))


class _Decoder(nn.Module):
    """A layer of a language model: causal attention, then a perceptron, each behind a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            part.reshape(batch, length, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.before(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.wide(self.between(x))


class _Language(nn.Module):
    def __init__(self, words: int, length: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.layers = nn.Sequential(*[_Decoder(width, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)

    def forward(self, text: Tensor) -> Tensor:
        x = self.words(text) + self.places(fn.arange(text.shape[1]))
        return self.head(self.norm(self.layers(x)))


def gpt() -> Step:
    """A decoder of 3 layers, 192 wide, AdamW, 8 texts of 128 tokens."""
    model = _Language(words=512, length=128, width=192, heads=6, layers=3)
    x, y = fn.randint(0, 512, (8, 128)), fn.randint(0, 512, (8, 128))
    optimizer = optim.AdamW(model.parameters(), lr=3e-4)
    return _training(model, optimizer, lambda: F.cross_entropy(model(x).reshape(-1, 512), y.reshape(-1)))


def lstm() -> Step:
    """One LSTM of 128 units over 24 steps and a linear layer, Adam, 32 sequences."""
    layer, head = nn.LSTM(64, 128, batch_first=True), nn.Linear(128, 10)
    model = nn.ModuleList([layer, head])
    x, y = fn.randn(32, 24, 64), fn.randint(0, 10, (32,))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    return _training(model, optimizer, lambda: F.cross_entropy(head(layer(x)[0][:, -1]), y))


def elementwise() -> Step:
    """A chain of twelve functions on 4 million numbers, which becomes one kernel."""
    x, y = fn.randn(1 << 22), fn.randn(1 << 22)

    def step() -> Tensor:
        z = (x * 1.5 + y).tanh() * (y - x).sigmoid()
        return (z * z + 1).sqrt() - (x.abs() + 1).log() * 0.5

    return step


def _training(model: nn.Module, optimizer: optim.Optimizer, loss_of: Step) -> Step:
    def step() -> Tensor:
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


WORKLOADS: dict[str, Callable[[], Step]] = {
    make.__name__: make for make in (mlp, cnn, resnet, gpt, lstm, elementwise)
}
__all__ = ["WORKLOADS"]
