"""Convolution, pooling, padding, resampling, attention and recurrence against PyTorch: values and both derivatives."""

import itertools
import warnings

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")

THEIRS, OURS = torch.nn.functional, rushlight.nn.functional


def pair(rng, shape):
    array = rng.standard_normal(shape)
    return torch.tensor(array, requires_grad=True), rushlight.tensor(array, requires_grad=True)


def close(a, b, tolerance=1e-8):
    np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=tolerance, atol=tolerance)


def agree(theirs, ours, *shapes, seed=0):
    """theirs(*tensors) and ours(*tensors) agree in double precision, and so do two orders of derivatives."""
    rng = np.random.default_rng(seed)
    inputs = [pair(rng, shape) for shape in shapes]
    xs, ys = [p[0] for p in inputs], [p[1] for p in inputs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a = theirs(*xs)
    b = ours(*ys)
    assert tuple(a.shape) == tuple(b.shape)
    close(a, b)
    g, h = pair(rng, tuple(a.shape))
    first = torch.autograd.grad(a, xs, g, create_graph=True)
    second = rushlight.autograd.grad(b, ys, h, create_graph=True)
    for x, y in zip(first, second):
        close(x, y)
    first = torch.autograd.grad(sum((x * x).sum() for x in first), [*xs, g], allow_unused=True)
    second = rushlight.autograd.grad(sum((x * x).sum() for x in second), [*ys, h], allow_unused=True)
    for x, y in zip(first, second):
        if x is None or y is None:
            assert (x is None or not x.abs().max()) and (y is None or not y.abs().max().item())
        else:
            close(x, y, 1e-7)


def both(name, **more):
    """The function of that name with these arguments, in both libraries."""
    return tuple((lambda *xs, f=getattr(F, name): f(*xs, **more)) for F in (THEIRS, OURS))


SIZES = {1: (7,), 2: (7, 6), 3: (5, 4, 5)}
KERNELS = {1: (3,), 2: (3, 2), 3: (3, 2, 2)}


@pytest.mark.parametrize(
    ("rank", "stride", "padding", "dilation", "groups"),
    [
        c
        for c in itertools.product((1, 2, 3), (1, 2), (0, 2), (1, 2), (1, 2))
        if c[0] < 3 or sum(c[1:]) in (3, 5, 8)
    ],
)
def test_convolution(rank, stride, padding, dilation, groups):
    shape, kernel = (2, 4, *SIZES[rank]), KERNELS[rank]
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    agree(*both(f"conv{rank}d", **how), shape, (6, 4 // groups, *kernel), (6,))
    more = int(stride > 1 or dilation > 1)
    agree(*both(f"conv_transpose{rank}d", output_padding=more, **how), shape, (4, 3, *kernel), (3 * groups,))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolution_padded_by_name(rank):
    for padding in ("same", "valid"):
        agree(*both(f"conv{rank}d", padding=padding), (4, *SIZES[rank]), (3, 4, *KERNELS[rank]))


@pytest.mark.parametrize(
    ("rank", "k", "s", "p", "d", "ceil"),
    [
        c
        for c in itertools.product((1, 2, 3), (2, 3), (1, 2), (0, 1), (1, 2), (False, True))
        if c[0] < 3 or c[1] + c[3] > 3
    ],
)
def test_max_pool(rank, k, s, p, d, ceil):
    shape = (2, 2, *SIZES[rank])
    how = {"kernel_size": k, "stride": s, "padding": p, "dilation": d, "ceil_mode": ceil}
    agree(*both(f"max_pool{rank}d", **how), shape)
    rng = np.random.default_rng(1)
    x = rng.integers(0, 3, shape).astype("f4")
    x[rng.random(shape) < 0.2] = np.nan
    x[rng.random(shape) < 0.5] = -np.inf
    theirs = getattr(THEIRS, f"max_pool{rank}d")(torch.tensor(x), return_indices=True, **how)
    ours = getattr(OURS, f"max_pool{rank}d")(rushlight.tensor(x), return_indices=True, **how)
    for a, b in zip(theirs, ours):
        np.testing.assert_array_equal(b.numpy(), a.numpy())
    if d == 1:
        how.pop("dilation")
        for inside in (True, False):
            agree(*both(f"avg_pool{rank}d", count_include_pad=inside, **how), shape)


@pytest.mark.parametrize(("rank", "out"), list(itertools.product((1, 2, 3), (1, 2, 3, 9))))
def test_adaptive_pool(rank, out):
    shape = (2, 2, *SIZES[rank])
    agree(*both(f"adaptive_avg_pool{rank}d", output_size=out), shape)
    agree(*both(f"adaptive_max_pool{rank}d", output_size=out), shape)


@pytest.mark.parametrize("rank", [2, 3])
def test_fractional_pool(rank):
    samples = np.random.default_rng(2).random((2, 3, rank))
    x = np.random.default_rng(3).standard_normal((2, 3, *(7, 6, 5)[:rank]))
    name = f"fractional_max_pool{rank}d"
    for out in (1, 2, 3):
        a = getattr(THEIRS, name)(torch.tensor(x), 2, out, None, True, torch.tensor(samples))
        b = getattr(OURS, name)(rushlight.tensor(x), 2, out, None, True, rushlight.tensor(samples))
        np.testing.assert_array_equal(b[0].numpy(), a[0].numpy())
        np.testing.assert_array_equal(b[1].numpy(), a[1].numpy())


@pytest.mark.parametrize(
    ("rank", "mode", "numbers"),
    list(
        itertools.product(
            (1, 2, 3), ("constant", "reflect", "replicate", "circular"), ((1, 2), (-1, 3), (2, -2), (3, 0))
        )
    ),
)
def test_pad(rank, mode, numbers):
    agree(*both("pad", pad=numbers * rank, mode=mode), (2, 2, *SIZES[rank]))


MODES = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}


@pytest.mark.parametrize(
    ("rank", "how"),
    list(
        itertools.product(
            (1, 2, 3),
            (
                {"size": 9},
                {"size": 3},
                {"size": 1},
                {"scale_factor": 1.7},
                {"scale_factor": 0.6},
                {"scale_factor": 2.0},
            ),
        )
    ),
)
def test_interpolate(rank, how):
    shape = (1, 2, *SIZES[rank])
    for mode in ("nearest", "nearest-exact", "area"):
        agree(*both("interpolate", mode=mode, **how), shape)
    for mode in MODES[rank]:
        for corners in (True, False):
            agree(*both("interpolate", mode=mode, align_corners=corners, **how), shape)
    if rank == 2:
        for mode in ("bilinear", "bicubic", "lanczos"):
            agree(*both("interpolate", mode=mode, antialias=True, **how), shape)


def test_the_nearest_element_at_every_size():
    for n, out in itertools.product(range(1, 40, 3), range(1, 60)):
        x = np.arange(n, dtype="f4").reshape(1, 1, n)
        for mode in ("nearest", "nearest-exact"):
            a = THEIRS.interpolate(torch.tensor(x), out, mode=mode).numpy()
            b = OURS.interpolate(rushlight.tensor(x), out, mode=mode).numpy()
            assert (a == b).all(), (n, out, mode)


def test_interpolate_bytes():
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 9, 8)).astype("u1")
    for mode, antialias in (("bilinear", False), ("bicubic", False), ("bicubic", True), ("lanczos", True)):
        a = (
            THEIRS.interpolate(torch.tensor(image), (13, 5), mode=mode, antialias=antialias)
            .numpy()
            .astype(int)
        )
        b = (
            OURS.interpolate(rushlight.tensor(image), (13, 5), mode=mode, antialias=antialias)
            .numpy()
            .astype(int)
        )
        assert abs(a - b).max() <= 1


@pytest.mark.parametrize(
    ("rank", "mode", "padding", "corners"),
    list(
        itertools.product((2, 3), ("bilinear", "bicubic"), ("zeros", "border", "reflection"), (True, False))
    ),
)
def test_grid_sample(rank, mode, padding, corners):
    if rank == 3 and mode == "bicubic":
        mode = "nearest"
    out = (3, 2, 2)[:rank]

    def sample(F):
        return lambda x, g: F.grid_sample(x, g * (0 if mode == "nearest" else 1.3), mode, padding, corners)

    if mode != "nearest":
        agree(sample(THEIRS), sample(OURS), (2, 2, *SIZES[rank]), (2, *out, rank))
    theta = (2, rank, rank + 1)
    size = (2, 2, *out)
    agree(lambda t: THEIRS.affine_grid(t, size, corners), lambda t: OURS.affine_grid(t, size, corners), theta)


def test_rearrangements():
    agree(*both("pixel_shuffle", upscale_factor=2), (2, 8, 3, 2))
    agree(*both("pixel_unshuffle", downscale_factor=2), (2, 2, 4, 6))
    agree(*both("channel_shuffle", groups=3), (2, 6, 3, 4))
    how = {"kernel_size": (2, 3), "dilation": 2, "padding": (1, 2), "stride": 2}
    agree(*both("unfold", **how), (2, 3, 7, 8))
    agree(
        *both("fold", output_size=(7, 8), **how), tuple(THEIRS.unfold(torch.zeros(2, 3, 7, 8), **how).shape)
    )


def test_attention():
    shapes = (2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7)
    for causal in (False, True):
        agree(*both("scaled_dot_product_attention", is_causal=causal), *shapes)
    agree(*both("scaled_dot_product_attention", scale=0.3), *shapes, (3, 5, 6))
    agree(*both("scaled_dot_product_attention", enable_gqa=True), (2, 6, 5, 4), *shapes[1:])


GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
I, H = 3, 4


def parameter_shapes(gates, layers, directions, projection, biases):
    found = []
    for layer in range(layers):
        for _ in range(directions):
            found += [
                (gates * H, I if layer == 0 else (projection or H) * directions),
                (gates * H, projection or H),
            ]
            found += [(gates * H,)] * 2 * biases + [(projection, H)] * bool(projection)
    return found


@pytest.mark.parametrize(
    ("name", "layers", "directions", "projection", "packed"),
    [
        c
        for c in itertools.product(GATES, (1, 2), (1, 2), (0, 2), (False, True))
        if c[0] == "lstm" or not c[3]
    ],
)
def test_recurrence(name, layers, directions, projection, packed):
    gates, n = GATES[name], 3 if packed else 2
    states = [(layers * directions, n, projection or H)] + [(layers * directions, n, H)] * (name == "lstm")
    biases = layers == 1 or directions == 1
    shapes = parameter_shapes(gates, layers, directions, projection, biases)

    def run(library, function):
        def call(x, *rest):
            hx = tuple(rest[: len(states)]) if name == "lstm" else rest[0]
            options = (list(rest[len(states) :]), biases, layers, 0.0, False, directions == 2)
            if packed:
                out = function(x, library.tensor([3, 3, 2, 1]), hx, *options)
            else:
                out = function(x, hx, *options, layers == 2)
            return library.cat([part.reshape(-1) for part in out])

        return call

    agree(
        run(torch, getattr(torch._VF, name)),
        run(rushlight, getattr(rushlight, name)),
        (9, I) if packed else (2, 2, I),
        *states,
        *shapes,
    )


@pytest.mark.parametrize("name", GATES)
def test_cells(name):
    gates = GATES[name]
    states = [(2, H)] * (2 if name == "lstm" else 1)

    def run(library, function):
        def call(x, *rest):
            if name != "lstm":
                return function(x, *rest)
            return library.cat(list(function(x, tuple(rest[:2]), *rest[2:])))

        return call

    agree(
        run(torch, getattr(torch._VF, name + "_cell")), run(rushlight, getattr(rushlight, name + "_cell")),
        (2, I), *states, *parameter_shapes(gates, 1, 1, 0, True),
    )  # fmt: skip


def test_dropout_of_the_same_numbers():
    torch.manual_seed(3)
    rushlight.manual_seed(3)
    q = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype("f4")
    a = THEIRS.scaled_dot_product_attention(*[torch.tensor(q)] * 3, dropout_p=0.4)
    b = OURS.scaled_dot_product_attention(*[rushlight.tensor(q)] * 3, dropout_p=0.4)
    np.testing.assert_allclose(b.numpy(), a.numpy(), atol=1e-5)
    shapes = parameter_shapes(4, 2, 1, 0, True)
    w = [np.random.default_rng(1).standard_normal(s).astype("f4") for s in shapes]
    x, h = np.ones((5, 2, I), "f4"), np.zeros((2, 2, H), "f4")
    t, r = torch.tensor, rushlight.tensor
    a = torch._VF.lstm(t(x), (t(h), t(h)), [t(p) for p in w], True, 2, 0.5, True, False, False)[0]
    b = rushlight.lstm(r(x), (r(h), r(h)), [r(p) for p in w], True, 2, 0.5, True, False, False)[0]
    np.testing.assert_allclose(b.numpy(), a.numpy(), atol=1e-5)
