"""Native attention against its meaning in float64: odd sizes, strides, masks, workers, special values, guard pages."""

import ctypes
import itertools
import math
import mmap
import sys

import numpy as np
import pytest

from rushlight.executors.cpu import attention, kernel, target
from rushlight.executors.cpu.attention import Layout, Shape
from rushlight.executors.cpu.kernel import Buffer, Pointer
from rushlight.graph.node import PRIMITIVES

RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
TYPES = {"f32": np.float32, "f64": np.float64}
TOLERANCE = {"f32": 3e-6, "f64": 1e-14}


class Memory:
    """Bytes that end where a page begins that nobody may touch."""

    def __init__(self, size):
        page = mmap.PAGESIZE
        length = -(-size // page) * page
        self.pages = mmap.mmap(-1, length + page)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.pages)) + length
        if sys.platform != "win32":
            protect = ctypes.CDLL(None).mprotect
            assert protect(ctypes.c_void_p(self.address), ctypes.c_size_t(page), 0) == 0
        self.bytes = np.frombuffer(self.pages, np.uint8, size, length - size)
        self.bytes[:] = 0x7F  # a large number, in case something is read before it was written

    def array(self, shape, dtype):
        return self.bytes.view(dtype).reshape(shape)


def run(calls, memories, workers):
    """Run `calls`, worker after worker. `memories`: of the buffers that were given; scratch memory gets its own."""
    memories = dict(memories)
    for buffer in {p.buffer for c in calls for p in c.pointers} - set(memories):
        memories[buffer] = Memory(buffer.size)
    slots = {buffer: (i, 0) for i, buffer in enumerate(memories)}
    starts = (ctypes.c_int64 * len(slots))(*(m.bytes.ctypes.data for m in memories.values()))
    for call in calls:
        words = kernel.words(call, slots)
        args = (ctypes.c_int64 * len(words))(*words)
        function = RUN(target.address(call.kernel.name, call.kernel.text))
        for worker in range(workers):
            function(ctypes.addressof(args), ctypes.addressof(starts), worker, workers)


def whole(shape):
    """The layout of a contiguous (batch, heads, rows, width)."""
    _, heads, rows, width = shape
    return Layout(heads * rows * width, rows * width, width)


def given(arrays):
    """A buffer with its memory for each array, which is copied into it."""
    found = {}
    for array in arrays:
        memory = Memory(array.nbytes)
        memory.array(array.shape, array.dtype)[...] = array
        found[Buffer(array.nbytes)] = memory
    return found


def forward(q, k, v, causal, scale, workers=1):
    kind = "f32" if q.dtype == np.float32 else "f64"
    shape = Shape(*q.shape[:3], k.shape[2], q.shape[3], v.shape[3], causal, scale, kind)
    results = [np.zeros((*q.shape[:3], v.shape[3]), q.dtype), np.zeros(q.shape[:3], q.dtype)]
    memories = given([q, k, v, *results])
    layouts = [whole(x.shape) for x in (q, k, v, results[0])]
    run(attention.forward(shape, *map(Pointer, memories), layouts, workers), memories, workers)
    return [m.array(r.shape, r.dtype) for m, r in zip(list(memories.values())[3:], results)]


def gradient(g, out, logsumexp, q, k, v, causal, scale, workers=1):
    kind = "f32" if q.dtype == np.float32 else "f64"
    shape = Shape(*q.shape[:3], k.shape[2], q.shape[3], v.shape[3], causal, scale, kind)
    memories = given([g, out, logsumexp, q, k, v, *(np.full_like(x, math.nan) for x in (q, k, v))])
    layouts = [whole(x.shape) for x in (g, out, q, k, v, q, k, v)]
    run(attention.gradient(shape, *map(Pointer, memories), layouts, workers), memories, workers)
    return [m.array(x.shape, x.dtype) for m, x in zip(list(memories.values())[6:], (q, k, v))]


def operands(sizes, kind="f32", seed=0):
    """q, k, v and g."""
    B, H, L, S, E, Ev = sizes
    rng = np.random.default_rng(seed)
    shapes = (B, H, L, E), (B, H, S, E), (B, H, S, Ev), (B, H, L, Ev)
    return [rng.standard_normal(s).astype(TYPES[kind]) for s in shapes]


def meaning(name, *arrays, causal, scale):
    with np.errstate(all="ignore"):
        wide = [x.astype(np.longdouble) for x in arrays]
        return [np.asarray(x, np.float64) for x in PRIMITIVES[name].numpy(np, *wide, causal, scale)]


def close(found, right, kind):
    for a, b in zip(found, right):
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[kind] * max(1.0, np.abs(b).max()))


def check(sizes, causal, scale, workers, kind="f32"):
    q, k, v, g = operands(sizes, kind)
    right = meaning("attention", q, k, v, causal=causal, scale=scale)
    close(forward(q, k, v, causal, scale, workers), right, kind)
    out, logsumexp = (x.astype(q.dtype) for x in right)
    right = meaning("attention_gradient", g, out, logsumexp, q, k, v, causal=causal, scale=scale)
    close(gradient(g, out, logsumexp, q, k, v, causal, scale, workers), right, kind)


LENGTHS = ((1, 1), (1, 130), (7, 5), (5, 7), (64, 64), (65, 63), (63, 65), (130, 200), (200, 130))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("L", "S"), LENGTHS)
def test_lengths(L, S, causal):
    for workers in (1, 2, 3):
        check((2, 1, L, S, 20, 33), causal, 0.3, workers)


@pytest.mark.parametrize(
    ("width", "value_width", "kind"),
    [(1, 1, "f32"), (16, 16, "f32"), (32, 32, "f32"), (64, 64, "f32"), (96, 80, "f32"), (17, 3, "f64"), (32, 32, "f64")],
)  # fmt: skip
def test_widths(width, value_width, kind):
    for causal in (False, True):
        check((1, 3, 70, 90, width, value_width), causal, 1 / math.sqrt(width), 2, kind)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_on_shorter_vectors(lanes, kind, monkeypatch):
    monkeypatch.setattr(attention, "lanes", lambda: lanes)
    for (L, S), causal in itertools.product(((13, 70), (70, 13), (64, 64)), (False, True)):
        check((1, 2, L, S, 9, 12), causal, 0.4, 2, kind)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_views_into_one_buffer(workers):
    """q, k and v side by side, as one projection makes them; heads side by side in the result; gradients likewise."""
    B, L, H, E = 2, 75, 3, 16
    rng = np.random.default_rng(1)
    qkv = rng.standard_normal((B, L, 3, H, E)).astype(np.float32)
    g = rng.standard_normal((B, L, H, E)).astype(np.float32)
    memories = given([qkv, np.zeros_like(g), np.zeros((B, H, L), np.float32), g, np.full_like(qkv, math.nan)])
    packed, out, logsumexp, grad, dpacked = memories
    apart, joined = Layout(L * 3 * H * E, E, 3 * H * E), Layout(L * H * E, E, H * E)
    parts = [Pointer(packed, i * H * E * 4) for i in range(3)]
    dparts = [Pointer(dpacked, i * H * E * 4) for i in range(3)]
    shape = Shape(B, H, L, L, E, E, True, 0.25)
    results = Pointer(out), Pointer(logsumexp)
    run(attention.forward(shape, *parts, *results, [apart] * 3 + [joined], workers), memories, workers)
    layouts = [joined] * 2 + [apart] * 6
    calls = attention.gradient(shape, Pointer(grad), *results, *parts, *dparts, layouts, workers)
    assert all(len(set(c.reads)) == len(c.reads) and len(set(c.writes)) == len(c.writes) for c in calls)
    run(calls, memories, workers)

    q, k, v = (qkv[:, :, i].swapaxes(1, 2) for i in range(3))
    right = meaning("attention", q, k, v, causal=True, scale=0.25)
    found = memories[out].array(g.shape, np.float32).swapaxes(1, 2)
    close([found], right[:1], "f32")
    given_g = g.swapaxes(1, 2)
    right = meaning("attention_gradient", given_g, *right, q, k, v, causal=True, scale=0.25)
    found = memories[dpacked].array(qkv.shape, np.float32)
    close([found[:, :, i].swapaxes(1, 2) for i in range(3)], right, "f32")


def test_the_same_numbers_every_time():
    q, k, v, g = operands((1, 3, 150, 300, 16, 16))
    out, logsumexp = forward(q, k, v, True, 0.25)
    for workers in (1, 2, 3, 5):
        again = forward(q, k, v, True, 0.25, workers)
        assert again[0].tobytes() == out.tobytes() and again[1].tobytes() == logsumexp.tobytes()
        a, b = (gradient(g, out, logsumexp, q, k, v, True, 0.25, workers) for _ in range(2))
        assert [x.tobytes() for x in a] == [x.tobytes() for x in b]


def test_scores_far_apart():
    """Sums shrink to nothing when a later block of keys holds much higher scores, and the other way round."""
    q, k, v, _ = operands((1, 2, 10, 200, 8, 8))
    for order in (slice(None), slice(None, None, -1)):
        keys = k * np.linspace(1, 60, 200, dtype=np.float32)[:, None]
        keys = np.ascontiguousarray(keys[:, :, order])
        found = forward(q, keys, v, False, 1.0)
        right = meaning("attention", q, keys, v, causal=False, scale=1.0)
        np.testing.assert_allclose(found[0], right[0], atol=2e-4)
        np.testing.assert_allclose(found[1], right[1], rtol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_special_values(value, causal):
    rng = np.random.default_rng(3)
    q = rng.uniform(0.5, 1, (1, 1, 70, 4)).astype(np.float32)
    k = rng.uniform(0.5, 1, (1, 1, 140, 4)).astype(np.float32)
    v = rng.uniform(0.5, 1, (1, 1, 140, 5)).astype(np.float32)
    # For -inf a whole block of keys counts for nothing, or for a row under the mask all there is.
    k[0, 0, :64, 2] = value if value == -math.inf else k[0, 0, :64, 2]
    k[0, 0, 66, 1] = value
    found, right = forward(q, k, v, causal, 0.5, 2), meaning("attention", q, k, v, causal=causal, scale=0.5)
    np.testing.assert_allclose(found[0], right[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], right[1], rtol=1e-5)


def test_one_kernel_for_many_lengths():
    lengths = np.random.default_rng(0).integers(1, 2000, (100, 2))
    kernels = set()
    for i, (L, S) in enumerate(lengths.tolist()):
        for causal in (False, True):
            shape = Shape(1 + i, 3, L, S, 32, 32, causal, 0.1 * L)
            at, layouts = Pointer(Buffer(8)), [Layout(1, 2, 3)] * 8
            kernels |= {c.kernel for c in attention.forward(shape, *[at] * 5, layouts[:4], 2)}
            kernels |= {c.kernel for c in attention.gradient(shape, *[at] * 9, layouts, 2)}
    assert len(kernels) == 3  # forward, gradient, and what adds the parts where heads do not go round


def test_nothing_to_do():
    for place in range(6):
        sizes = [2] * 6
        sizes[place] = 0
        shape = Shape(*sizes, False, 1.0)
        at = Pointer(Buffer(8))
        assert attention.forward(shape, *[at] * 5, [Layout(1, 1, 1)] * 4, 2) is None
        assert attention.gradient(shape, *[at] * 9, [Layout(1, 1, 1)] * 8, 2) is None
