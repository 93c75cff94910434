"""What the layers compute beside PyTorch, for those that PyTorch's own module database leaves out.

Input, parameters and gradients of a weighted sum of the outputs have to agree, in training and in evaluation.
"""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")

LAYERS = {
    "AdaptiveLogSoftmaxWithLoss": (((8, 12, [3, 7]), {}), ((5, 8), "classes12")),
    "AlphaDropout": (((0.3,), {}), ((4, 5),)),
    "ChannelShuffle": (((2,), {}), ((2, 4, 3),)),
    "CosineSimilarity": (((1,), {}), ((4, 5), (4, 5))),
    "CrossMapLRN2d": (((3, 0.5, 0.75, 2.0), {}), ((2, 6, 3, 3),)),
    "Dropout": (((0.3,), {}), ((4, 50),)),
    "Dropout1d": (((0.3,), {}), ((4, 5, 3),)),
    "Dropout2d": (((0.3,), {}), ((4, 5, 3, 3),)),
    "Dropout3d": (((0.3,), {}), ((4, 5, 2, 2, 2),)),
    "EmbeddingBag": (((9, 3), {"mode": "sum", "padding_idx": 2}), ("classes9x4",)),
    "FeatureAlphaDropout": (((0.3,), {}), ((4, 5, 3),)),
    "Flatten": (((), {}), ((2, 3, 4),)),
    "Fold": (((4, 2), {}), ((2, 12, 9),)),
    "Hardsigmoid": (((), {}), ((4, 5),)),
    "Identity": (((), {}), ((4, 5),)),
    "LazyLinear": (((3,), {}), ((4, 5),)),
    "LazyConv2d": (((3, 2), {}), ((2, 4, 5, 5),)),
    "LazyBatchNorm2d": (((), {}), ((2, 4, 3, 3),)),
    "PairwiseDistance": (((3.0,), {"keepdim": True}), ((4, 5), (4, 5))),
    "PixelShuffle": (((2,), {}), ((2, 8, 3, 3),)),
    "PixelUnshuffle": (((2,), {}), ((2, 2, 4, 6),)),
    "RReLU": (((0.1, 0.4), {}), ((4, 5),)),
    "SyncBatchNorm": (((3,), {}), ((4, 3, 5),)),
    "TripletMarginLoss": (((), {"swap": True}), ((4, 5), (4, 5), (4, 5))),
    "TripletMarginWithDistanceLoss": (((), {"reduction": "none"}), ((4, 5), (4, 5), (4, 5))),
    "Unflatten": (((1, (2, 3)), {}), ((2, 6),)),
    "Unfold": (((2, 1, 1, 2), {}), ((2, 3, 5, 5),)),
    "Upsample": (((None, 2.0, "bilinear"), {}), ((1, 2, 3, 4),)),
    "UpsamplingBilinear2d": (((5,), {}), ((1, 2, 3, 4),)),
    "UpsamplingNearest2d": (((None, 2), {}), ((1, 2, 3, 4),)),
}


def inputs_of(shapes, library):
    rng = np.random.default_rng(7)
    made = []
    for shape in shapes:
        if isinstance(shape, str):  # "classes9x4": whole numbers below 9, four in a row
            below, _, width = shape.removeprefix("classes").partition("x")
            size = (5, int(width)) if width else (5,)
            made.append(library.tensor(rng.integers(0, int(below), size).tolist()))
        else:
            values = rng.standard_normal(shape).astype(np.float32)
            made.append(library.tensor(values.tolist(), requires_grad=True))
    return made


def computed(library, name, training):
    """Outputs, gradients and buffers as NumPy arrays."""
    (args, kwargs), shapes = LAYERS[name]
    library.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = getattr(library.nn, name)(*args, **kwargs).train(training)
        inputs = inputs_of(shapes, library)
        results = layer(*inputs)
    outputs = list(results) if isinstance(results, tuple) else [results]
    total = sum(
        (out * library.arange(1.0, out.numel() + 1).reshape(out.shape).cos()).sum() for out in outputs
    )
    if total.requires_grad:
        total.backward()
    gradients = [t.grad for t in (*inputs, *layer.parameters()) if t.grad is not None]
    tensors = [*outputs, *gradients, *layer.buffers()]
    return [np.array(t.detach().numpy()) for t in tensors], library.rand(2).tolist()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_layer_computes_the_same(name, training):
    if name == "CrossMapLRN2d":
        pytest.skip("compared below: PyTorch's gradient leaves out a term that its output holds")
    expected, next_expected = computed(torch, name, training)
    found, next_found = computed(rushlight, name, training)
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=2e-6)
    assert next_found == next_expected, "another number of random draws"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_cross_map_lrn(size):
    x = np.random.default_rng(0).standard_normal((2, 6, 2, 3)).astype(np.float32)
    expected = torch.nn.CrossMapLRN2d(size, 0.5, 0.75, 2.0)(torch.tensor(x)).numpy()
    found = rushlight.nn.CrossMapLRN2d(size, 0.5, 0.75, 2.0)(rushlight.tensor(x.tolist())).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_max_unpool(dims):
    x = np.random.default_rng(0).standard_normal((2, 3) + (6,) * dims).astype(np.float32)

    def run(library):
        pooled, where = getattr(library.nn, f"MaxPool{dims}d")(2, return_indices=True)(
            library.tensor(x.tolist())
        )
        return getattr(library.nn, f"MaxUnpool{dims}d")(2)(pooled, where).numpy()

    np.testing.assert_array_equal(run(rushlight), run(torch))


def test_adaptive_softmax_predicts_the_same():
    def run(library):
        library.manual_seed(0)
        layer = library.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
        x = library.randn(6, 8)
        whole = layer.log_prob(x)
        with pytest.raises(RuntimeError, match=r"Target values should be in \[0, 11\]"):
            layer(x, library.tensor([0, 1, 2, 3, 4, 12]))
        single = layer(x[0], library.tensor(9))
        return [t.detach().numpy() for t in (whole, layer.predict(x), single.output, single.loss)]

    for mine, theirs in zip(run(rushlight), run(torch)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_decoder_and_masks():
    def run(library):
        library.manual_seed(0)
        layer = library.nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True)
        decoder = library.nn.TransformerDecoder(layer, 2, library.nn.LayerNorm(8))
        target, memory = library.randn(2, 4, 8), library.randn(2, 3, 8)
        causal = library.nn.Transformer.generate_square_subsequent_mask(4)
        padding = library.tensor([[False, False, True], [False, True, True]])
        out = decoder(target, memory, tgt_mask=causal, memory_key_padding_mask=padding)
        out.square().sum().backward()
        return [out.detach().numpy(), layer.linear1.weight.detach().numpy()] + [
            p.grad.numpy() for p in decoder.parameters()
        ]

    for mine, theirs in zip(run(rushlight), run(torch)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch_first", [False, True])
def test_attention_weights(batch_first):
    def run(library):
        library.manual_seed(0)
        layer = library.nn.MultiheadAttention(8, 2, add_bias_kv=True, kdim=5, vdim=6, batch_first=batch_first)
        query, key, value = library.randn(3, 3, 8), library.randn(3, 3, 5), library.randn(3, 3, 6)
        averaged = layer(query, key, value)
        each = layer(query, key, value, average_attn_weights=False)
        without = layer(query, key, value, need_weights=False)
        assert without[1] is None
        return [t.detach().numpy() for t in (*averaged, *each, without[0])]

    for mine, theirs in zip(run(rushlight), run(torch)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_three_steps_of_training():
    """Dropout, batch norm and convolution together: the losses of a seed."""

    def run(library):
        nn = library.nn
        library.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.25),
            nn.Linear(36, 3),
        )
        criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        losses = []
        for _ in range(3):
            x, target = library.randn(6, 1, 8, 8), library.randint(3, (6,))
            loss = criterion(model(x), target)
            model.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            with library.no_grad():
                for parameter in model.parameters():
                    parameter -= 0.1 * parameter.grad
            losses.append(loss.item())
        return losses

    assert run(rushlight) == pytest.approx(run(torch), rel=1e-4)
