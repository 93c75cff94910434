"""Losses, norms, dropout, embeddings and distances beside PyTorch's: what the parity tables do not combine."""

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import rushlight as rl  # noqa: E402

BOTH = (torch, rl)


def numbers(seed, *shape, low=None):
    drawn = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return drawn if low is None else np.abs(drawn) + low


def compare(call, *arrays, digits=1e-5):
    """call(library, *tensors) and the gradients of its weighted sum, in both libraries."""
    results = []
    for lib in BOTH:
        given = [lib.tensor(a) for a in arrays]
        for x in given:
            if x.is_floating_point():
                x.requires_grad_()
        out = call(lib, *given)
        weights = lib.tensor(numbers(9, *out.shape))
        if out.requires_grad:
            (out * weights).sum().backward()
        grads = [x.grad.numpy() if x.grad is not None else None for x in given]
        results.append([out.detach().numpy(), *grads])
    for expected, found in zip(*results):
        if expected is None:
            expected = np.zeros(()) if found is not None else None
        if expected is not None:
            assert expected.dtype == found.dtype or not expected.shape
            np.testing.assert_allclose(found, expected, rtol=digits, atol=digits)


def same_stream(call, digits=2e-7):
    """call(library) after the same seed: the same numbers, and the stream afterwards at the same place."""
    results = []
    for lib in BOTH:
        lib.manual_seed(11)
        out = call(lib).detach()
        results.append((out.double().numpy(), lib.rand(4).numpy()))
    (expected, after), (found, after_ours) = results
    np.testing.assert_allclose(found, expected, rtol=digits)
    np.testing.assert_array_equal(after_ours, after)


# ---------------------------------------------------------------- random streams


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", ["dropout", "dropout1d", "alpha_dropout", "feature_alpha_dropout"])
def test_the_same_seed_drops_the_same(name, dtype):
    x = numbers(0, 4, 6, 5)
    same_stream(
        lambda lib: getattr(lib.nn.functional, name)(lib.tensor(x, dtype=getattr(lib, dtype)), 0.3, True)
    )


LAYOUTS = {
    "turned": lambda x: x.permute(2, 0, 1),
    "strided": lambda x: x[:, ::2],
    "turned part": lambda x: x.transpose(0, 1)[1:],
    "repeated": lambda x: x[:1].expand(4, 6, 5),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_are_drawn_in_memory_order(layout):
    x = numbers(0, 4, 6, 5)
    same_stream(lambda lib: lib.nn.functional.dropout(LAYOUTS[layout](lib.tensor(x)), 0.4))


def test_drawn_slopes_and_gumbel_noise():
    x = numbers(1, 4, 6)
    same_stream(lambda lib: lib.nn.functional.rrelu(lib.tensor(x), 0.1, 0.6, training=True))
    same_stream(lambda lib: lib.nn.functional.gumbel_softmax(lib.tensor(x), 0.5), 2e-6)
    same_stream(lambda lib: lib.nn.functional.gumbel_softmax(lib.tensor(x), hard=True), 2e-6)


def test_a_layer_of_dropout_in_training():
    x = numbers(2, 8, 16)

    def run(lib):
        net = lib.nn.Sequential(lib.nn.Linear(16, 8), lib.nn.Dropout(0.5), lib.nn.ReLU(), lib.nn.Dropout(0.1))
        return net(lib.tensor(x))

    results = []
    for lib in BOTH:
        lib.manual_seed(0)
        results.append(run(lib).detach().numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- losses


@pytest.mark.parametrize(
    "shape, weighted, smoothing, reduction",
    list(product([(5, 4), (3, 4, 2), (2, 4, 3, 2)], [False, True], [0.0, 0.2], ["none", "mean", "sum"])),
)
def test_cross_entropy_of_classes(shape, weighted, smoothing, reduction):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, (shape[0], *shape[2:]))
    target.reshape(-1)[::3] = -100
    x, w = numbers(1, *shape) * 30, numbers(2, 4, low=0.1)

    def call(lib, x):
        weight = lib.tensor(w) if weighted else None
        return lib.nn.functional.cross_entropy(
            x, lib.tensor(target), weight, reduction=reduction, label_smoothing=smoothing
        )

    compare(call, x, digits=3e-5)


@pytest.mark.parametrize(
    "weighted, smoothing, reduction", list(product([False, True], [0.0, 0.2], ["none", "mean", "sum"]))
)
def test_cross_entropy_of_probabilities(weighted, smoothing, reduction):
    w = numbers(2, 4, low=0.1)

    def call(lib, x, q):
        weight = lib.tensor(w) if weighted else None
        return lib.nn.functional.cross_entropy(x, q, weight, reduction=reduction, label_smoothing=smoothing)

    compare(call, numbers(1, 3, 4, 2), numbers(3, 3, 4, 2, low=0.0))


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_ctc(joined, reduction):
    rows = np.array([[1, 2, 2, 3], [1, 1, 0, 0], [3, 3, 3, 0], [0, 0, 0, 0]])
    counts = [4, 2, 3, 0]
    targets = np.concatenate([r[:n] for r, n in zip(rows, counts)]) if joined else rows
    steps = [9, 8, 5, 9]

    def call(lib, x):
        logs = x.log_softmax(2)
        return lib.nn.functional.ctc_loss(
            logs, lib.tensor(targets), steps, counts, blank=4, reduction=reduction, zero_infinity=True
        )

    compare(call, numbers(0, 9, 4, 5), digits=2e-4)


def test_the_gradient_of_ctc_itself():
    compare(
        lambda lib, x: lib.nn.functional.ctc_loss(x, lib.tensor([[1, 2]]), [5], [2], reduction="none"),
        -numbers(0, 5, 1, 3, low=0.1),
    )


@pytest.mark.parametrize("weight", [None, (3, 4), (4,)])
@pytest.mark.parametrize("positive", [None, (4,), (1,)])
def test_logits_with_weights_that_broadcast(weight, positive):
    w = None if weight is None else numbers(3, *weight, low=0.2)
    p = None if positive is None else numbers(4, *positive, low=0.2)

    def call(lib, x, t):
        given = {"weight": w, "pos_weight": p}
        given = {k: None if v is None else lib.tensor(v) for k, v in given.items()}
        return lib.nn.functional.binary_cross_entropy_with_logits(x, t, **given)

    compare(call, numbers(0, 3, 4) * 20, numbers(1, 3, 4, low=0.0))


# ---------------------------------------------------------------- norms


@pytest.mark.parametrize("momentum", [0.1, 1.0])
@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_statistics(name, momentum):
    x = numbers(0, 5, 3, 4)
    results = []
    for lib in BOTH:
        mean, var = lib.tensor(numbers(1, 3)), lib.tensor(numbers(2, 3, low=0.5))
        call = getattr(lib.nn.functional, name)
        for _ in range(2):
            out = call(lib.tensor(x), mean, var, None, None, True, momentum)
        results.append([v.numpy() for v in (out, mean, var)])
    for expected, found in zip(*results):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def test_norms_of_large_numbers_with_a_small_spread():
    x = numbers(0, 4, 6) + 1000
    compare(lambda lib, x: lib.nn.functional.layer_norm(x, (6,)), x, digits=2e-3)
    compare(lambda lib, x: lib.nn.functional.batch_norm(x, None, None, training=True), x, digits=2e-3)


# ---------------------------------------------------------------- embeddings and distances


@pytest.mark.parametrize("mode, padding", [("sum", None), ("sum", 1), ("mean", 1), ("max", 2)])
def test_bags(mode, padding):
    at, starts = np.array([0, 1, 1, 2, 4, 1]), np.array([0, 2, 2, 5])

    def call(lib, w, *scale):
        return lib.nn.functional.embedding_bag(
            lib.tensor(at),
            w,
            lib.tensor(starts),
            mode=mode,
            padding_idx=padding,
            per_sample_weights=scale[0] if scale else None,
        )

    compare(call, numbers(0, 5, 3))
    if mode == "sum":
        compare(call, numbers(0, 5, 3), numbers(1, 6))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")])
def test_distances_of_equal_and_different_rows(p):
    x = numbers(0, 3, 4)
    y = np.concatenate([x[:1], numbers(1, 2, 4)])
    compare(lambda lib, a, b: lib.cdist(a, b, p), x, y)
    compare(lambda lib, a: lib.nn.functional.pdist(a, p), np.concatenate([x, x[:1]]))


@pytest.mark.parametrize(
    "call",
    [
        lambda F, x, t: F.cross_entropy(x, t),
        lambda F, x, t: F.nll_loss(x, t),
        lambda F, x, t: F.mse_loss(x, x.detach()),
        lambda F, x, t: F.binary_cross_entropy_with_logits(x, x.detach()),
        lambda F, x, t: F.binary_cross_entropy(x.sigmoid(), x.detach().sigmoid()),
        lambda F, x, t: F.smooth_l1_loss(x, x.detach()),
        lambda F, x, t: F.huber_loss(x, x.detach()),
        lambda F, x, t: F.soft_margin_loss(x, x.detach()),
        lambda F, x, t: F.multi_margin_loss(x, t),
        lambda F, x, t: F.layer_norm(x, (3,)),
        lambda F, x, t: F.batch_norm(x, None, None, training=True),
        lambda F, x, t: F.group_norm(x[..., None, None], 3, eps=1.0),
        lambda F, x, t: F.dropout(x),
        lambda F, x, t: F.alpha_dropout(x, 0.5, True),
        lambda F, x, t: F.embedding(t, x),
        lambda F, x, t: F.embedding_bag(t[None], x),
        lambda F, x, t: F.cosine_similarity(x, x.detach()),
        lambda F, x, t: F.pairwise_distance(x, x.detach()),
        lambda F, x, t: F.pdist(x),
        *(
            lambda F, x, t, name=name: getattr(F, name)(x)
            for name in (
                "celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu relu6 selu "
                "silu softplus softshrink softsign tanhshrink tanh sigmoid"
            ).split()
        ),
        lambda F, x, t: F.glu(x.repeat(1, 2)),
        lambda F, x, t: F.softmax(x, 1),
        lambda F, x, t: F.log_softmax(x, 1),
        lambda F, x, t: F.softmin(x, 1),
        lambda F, x, t: F.threshold(x, 0.1, 2.0),
        lambda F, x, t: F.normalize(x),
    ],
)
def test_entries_have_the_same_names(call):
    names = []
    for lib in BOTH:
        x = lib.tensor(numbers(0, 4, 3), requires_grad=True)
        t = lib.tensor([0, 1, 2, 0])
        if lib is torch:
            lib.manual_seed(0)
        out = call(lib.nn.functional, x, t)
        names.append(out.grad_fn.name())
    assert names[1] == names[0]
