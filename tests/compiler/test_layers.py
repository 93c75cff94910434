"""Layers of every kind, forward and backward, compiled and not: the same to the bit."""

import warnings

import pytest
from alike import bits, check_alike

import rushlight as torch
import rushlight.nn as nn

IMAGE = (2, 4, 6, 6)
LAYERS = {
    "conv2d": (lambda: nn.Conv2d(4, 6, 3, padding=1), [IMAGE]),
    "conv grouped": (lambda: nn.Conv2d(4, 4, 3, groups=4, stride=2), [IMAGE]),
    "conv1d circular": (lambda: nn.Conv1d(3, 2, 3, padding=1, padding_mode="circular"), [(2, 3, 7)]),
    "conv transposed": (lambda: nn.ConvTranspose2d(4, 3, 2, stride=2), [IMAGE]),
    "batch norm": (lambda: nn.BatchNorm2d(4), [IMAGE]),
    "batch norm, plain average": (lambda: nn.BatchNorm2d(4, momentum=None), [IMAGE]),
    "group norm": (lambda: nn.GroupNorm(2, 4), [IMAGE]),
    "instance norm": (lambda: nn.InstanceNorm2d(4, track_running_stats=True), [IMAGE]),
    "layer norm": (lambda: nn.LayerNorm(6), [(3, 6)]),
    "rms norm": (lambda: nn.RMSNorm(6), [(3, 6)]),
    "local response norm": (lambda: nn.LocalResponseNorm(2), [IMAGE]),
    "max pool": (lambda: nn.MaxPool2d(2), [IMAGE]),
    "average pool": (lambda: nn.AvgPool2d(3, 2, 1), [IMAGE]),
    "adaptive pool": (lambda: nn.AdaptiveAvgPool2d(4), [IMAGE]),
    "adaptive max pool": (lambda: nn.AdaptiveMaxPool2d(4), [IMAGE]),
    "lp pool": (lambda: nn.LPPool2d(2, 2), [IMAGE]),
    "dropout2d": (lambda: nn.Dropout2d(0.4), [IMAGE]),
    "alpha dropout": (lambda: nn.AlphaDropout(0.4), [(3, 6)]),
    "upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), [IMAGE]),
    "upsample nearest": (lambda: nn.Upsample(size=9), [IMAGE]),
    "unfold": (lambda: nn.Unfold(3), [IMAGE]),
    "pixel shuffle": (lambda: nn.PixelShuffle(2), [IMAGE]),
    "zero pad": (lambda: nn.ZeroPad2d(1), [IMAGE]),
    "reflection": (lambda: nn.ReflectionPad2d(1), [IMAGE]),
    "lstm": (lambda: nn.LSTM(4, 5, 2, dropout=0.3, bidirectional=True), [(6, 2, 4)]),
    "gru": (lambda: nn.GRU(4, 5, batch_first=True), [(2, 6, 4)]),
    "rnn": (lambda: nn.RNN(4, 5), [(6, 2, 4)]),
    "lstm cell": (lambda: nn.LSTMCell(4, 5), [(3, 4)]),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 12, 0.2, "gelu", norm_first=True), [(5, 2, 8)]),
    "decoder": (lambda: nn.TransformerDecoderLayer(8, 2, 12), [(5, 2, 8), (4, 2, 8)]),
    "attention": (lambda: nn.MultiheadAttention(8, 2, 0.1, batch_first=True), [(2, 5, 8)] * 3),
    "bilinear": (lambda: nn.Bilinear(3, 4, 2), [(5, 3), (5, 4)]),
    "prelu": (lambda: nn.PReLU(4), [(5, 4)]),
    "gelu": (lambda: nn.GELU("tanh"), [(5, 4)]),
    "glu": (nn.GLU, [(5, 4)]),
    "softmax": (lambda: nn.Softmax(-1), [(5, 4)]),
    "threshold": (lambda: nn.Threshold(0.1, 20), [(5, 4)]),
    "hardswish": (nn.Hardswish, [(5, 4)]),
    "cosine similarity": (nn.CosineSimilarity, [(5, 4), (5, 4)]),
    "pairwise distance": (nn.PairwiseDistance, [(5, 4), (5, 4)]),
    "smooth l1": (nn.SmoothL1Loss, [(5, 4), (5, 4)]),
    "huber": (nn.HuberLoss, [(5, 4), (5, 4)]),
    "kl": (lambda: nn.KLDivLoss(reduction="batchmean", log_target=True), [(5, 4), (5, 4)]),
    "bce with logits": (lambda: nn.BCEWithLogitsLoss(), [(5, 4), (5, 4)]),
    "triplet": (lambda: nn.TripletMarginLoss(swap=True), [(5, 4)] * 3),
    "cosine embedding": (lambda: nn.CosineEmbeddingLoss(margin=0.1), [(5, 4), (5, 4), "signs"]),
    "cross entropy": (lambda: nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=1), [(5, 4), "classes"]),
    "weighted": (lambda: nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5, 1.0])), [(5, 4), "classes"]),
    "multi margin": (nn.MultiMarginLoss, [(5, 4), "classes"]),
    "nll": (nn.NLLLoss, [(5, 4), "classes"]),
    "embedding": (lambda: nn.Embedding(4, 3, padding_idx=1, max_norm=None), ["classes"]),
    "embedding bag": (lambda: nn.EmbeddingBag(4, 3), ["bags"]),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), [(5, 4)]),
    "orthogonal": (lambda: nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)), [(5, 4)]),
}
# Numbers decide what they do: they run uncaptured.
READ = {"batch norm, plain average"}


def given(shape, i):
    if shape == "classes":
        return torch.randint(0, 4, (5,))
    if shape == "bags":
        return torch.randint(0, 4, (5, 3))
    if shape == "signs":
        return torch.randint(0, 2, (5,)) * 2 - 1
    return torch.randn(*shape).requires_grad_(i % 2 == 0)


def tensors_in(result):
    if isinstance(result, torch.Tensor):
        return [result]
    return [t for part in result for t in tensors_in(part)] if isinstance(result, (tuple, list)) else []


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, whole):
    make, shapes = LAYERS[name]

    def build(compile):
        layer = make()

        def run(*inputs):
            outputs = layer(*inputs)
            loss = sum((t * t).mean() for t in tensors_in(outputs) if t.is_floating_point())
            if whole and loss.requires_grad:
                loss.backward()
            return outputs, loss

        run = compile(run)

        def step(i):
            layer.train(i % 12 < 6)
            layer.zero_grad()
            inputs = [given(shape, i) for shape in shapes]
            outputs, loss = run(*inputs)
            if not whole and loss.requires_grad:
                loss.backward()
            return outputs, loss, [t.grad for t in inputs], [p.grad for p in layer.parameters()]

        return step, lambda: list(layer.buffers())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_alike(build, 16, None if name in READ else 12, rounding="conv" in name)


def test_bits_tell_apart():
    assert bits(torch.tensor(0.0)) != bits(torch.tensor(-0.0))
