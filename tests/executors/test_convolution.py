"""Convolutions of the cpu executor against plain sums over taps in float64, between pages that nobody may touch.

As a program (test_between_guards starts it) it runs random shapes; a stray read or write ends the process.
"""

import ctypes
import os
import random
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from guarded import Region

from rushlight import settings
from rushlight.executors.cpu import convolution, kernel, target, winograd
from rushlight.executors.cpu.geometry import Shape
from rushlight.executors.cpu.kernel import Buffer, Pointer, words

FORMS = ("forward", "input_gradient", "weight_gradient")
FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def reference(form, shape, x, w, y, bias=None):
    """One of y, dx and dw from the others (y stands for its gradient), tap by tap."""
    (top, bottom), (left, right) = shape.padding
    Ho, Wo, G = shape.out_height, shape.out_width, shape.groups
    # Negative padding cuts: a frame with room for everything, and windows that begin inside it.
    room = 8 + max(abs(p) for pair in shape.padding for p in pair)
    frame = np.pad(x.astype(np.float64), ((0, 0), (room, room), (room, room), (0, 0)))
    w, y = w.astype(np.float64), y.astype(np.float64)
    split = lambda a: a.reshape(*a.shape[:3], G, -1)
    weight = w.reshape(G, shape.group_out, shape.group_channels, *shape.kernel)
    out, dw, dframe = np.zeros_like(split(y)), np.zeros_like(weight), np.zeros_like(split(frame))
    for i in range(shape.kernel[0]):
        for j in range(shape.kernel[1]):
            first = (room - top + i * shape.dilation[0], room - left + j * shape.dilation[1])
            where = (
                slice(None),
                slice(first[0], first[0] + (Ho - 1) * shape.stride[0] + 1, shape.stride[0]),
                slice(first[1], first[1] + (Wo - 1) * shape.stride[1] + 1, shape.stride[1]),
            )
            window, tap = split(frame)[where], weight[..., i, j]
            out += np.einsum("nhwgc,goc->nhwgo", window, tap)
            dw[..., i, j] = np.einsum("nhwgc,nhwgo->goc", window, split(y))
            dframe[where] += np.einsum("nhwgo,goc->nhwgc", split(y), tap)
    if form == "forward":
        return out.reshape(y.shape) + (0 if bias is None else bias)
    inside = dframe[:, room:-room, room:-room].reshape(x.shape)
    return dw.reshape(w.shape) if form == "weight_gradient" else inside


def made(rng, shape):
    number = np.float64 if shape.kind == "f64" else np.float32
    x = rng.standard_normal((shape.batch, shape.height, shape.width, shape.channels)).astype(number)
    w = rng.standard_normal((shape.out_channels, shape.group_channels, *shape.kernel)).astype(number)
    y = rng.standard_normal((shape.batch, shape.out_height, shape.out_width, shape.out_channels))
    return x, w, y.astype(number), rng.standard_normal(shape.out_channels).astype(number)


def calls_of(form, shape, x, w, y, bias, workers):
    """The calls, and the operands they name with the result's buffer last."""
    buffers = {name: Buffer(a.nbytes, name) for name, a in (("x", x), ("w", w), ("y", y), ("bias", bias))}
    a, b, out = {"forward": "xwy", "input_gradient": "ywx", "weight_gradient": "xyw"}[form]
    pointers = [Pointer(buffers[name]) for name in (a, b, out)]
    more = {"bias": Pointer(buffers["bias"])} if form == "forward" and bias.size else {}
    calls = getattr(convolution, form)(shape, *pointers, workers, **more)
    return calls, buffers, out


def computed(form, shape, x, w, y, bias, workers, at_end=True, running=None):
    """Run the calls one worker after the other, every buffer between forbidden pages and filled with NaN before."""
    calls, buffers, out = calls_of(form, shape, x, w, y, bias, workers)
    arrays = {buffers[name]: a for name, a in (("x", x), ("w", w), ("y", y), ("bias", bias))}
    used = list(dict.fromkeys([*arrays, *(b for call in calls for b in (*call.reads, *call.writes))]))
    region = Region([b.size for b in used], at_end)
    region.fill(0xFF)
    places = [region.address + start for start in region.starts]
    for buffer, place in zip(used, places):
        if buffer in arrays and buffer is not buffers[out]:
            ctypes.memmove(place, arrays[buffer].ctypes.data, buffer.size)
    slots = (ctypes.c_void_p * len(used))(*places)
    numbers = {b: (i, 0) for i, b in enumerate(used)}
    for call in calls:
        assert {p.buffer for p in call.pointers} == {*call.reads, *call.writes}
        run = FUNCTION(target.address(call.kernel.name, call.kernel.text))
        given = words(call, numbers)
        args = (ctypes.c_int64 * len(given))(*given)
        for worker in range(running or workers):
            run(args, slots, worker, running or workers)
    found = np.empty_like(arrays[buffers[out]])
    ctypes.memmove(found.ctypes.data, places[used.index(buffers[out])], found.nbytes)
    return found


def check(form, shape, workers=1, bias=False, at_end=True, running=None):
    x, w, y, b = made(np.random.default_rng(zlib.crc32(repr((form, shape)).encode())), shape)
    b = b if bias and form == "forward" else b[:0]
    found = computed(form, shape, x, w, y, b, workers, at_end, running)
    right = reference(form, shape, x, w, y, b if b.size else None)
    size = np.sqrt(np.mean(right**2)) or 1.0
    worst = 1e-12 if shape.kind == "f64" else 3e-5
    assert np.max(np.abs(found - right)) <= worst * size, (form, shape, workers, bias)


def both(n):
    return (n, n), ((n // 2, n // 2), (n // 2, n // 2))


THREE, SAME = both(3)
NONE = ((0, 0), (0, 0))
SHAPES = {
    "plain": Shape(2, 9, 7, 5, 6, THREE, padding=SAME),
    "first layer": Shape(3, 12, 12, 1, 32, THREE),
    "three colours": Shape(2, 17, 13, 3, 64, THREE, padding=SAME),
    "stride 2": Shape(2, 11, 12, 16, 40, THREE, (2, 2), SAME),
    "shortcut": Shape(2, 8, 9, 16, 32, (1, 1), (2, 2)),
    "product": Shape(3, 5, 4, 33, 19, (1, 1)),
    "one dimension": Shape(2, 1, 50, 7, 9, (1, 5), (1, 3), ((0, 0), (4, 2)), (1, 2)),
    "all different": Shape(2, 13, 10, 6, 9, (3, 4), (2, 3), ((0, 2), (3, 1)), (3, 2)),
    "stride beyond the kernel": Shape(2, 9, 9, 4, 5, (2, 1), (3, 4)),
    "stride and dilation": Shape(1, 19, 15, 4, 5, (3, 3), (4, 2), ((1, 2), (2, 2)), (2, 4)),
    "padding beyond the image": Shape(1, 2, 3, 4, 5, THREE, padding=((3, 2), (4, 3))),
    "padding that cuts": Shape(2, 9, 8, 4, 5, THREE, padding=((-2, 1), (1, -1))),
    "patches": Shape(2, 16, 16, 3, 48, (4, 4), (4, 4)),
    "small and deep": Shape(4, 4, 4, 80, 70, THREE, padding=SAME),
    "wide": Shape(1, 3, 300, 4, 5, THREE, padding=SAME),
    "two groups": Shape(2, 7, 8, 10, 14, THREE, padding=SAME, groups=2),
    "depthwise": Shape(2, 9, 10, 20, 20, THREE, padding=SAME, groups=20),
    "depthwise, stride 2": Shape(2, 9, 10, 32, 32, (5, 5), (2, 2), both(5)[1], groups=32),
    "depthwise, few": Shape(2, 6, 5, 3, 3, THREE, padding=SAME, groups=3),
    "depthwise, times 2": Shape(2, 6, 5, 18, 36, THREE, padding=SAME, groups=18),
    "groups of four": Shape(2, 7, 8, 24, 24, THREE, padding=SAME, groups=6),
    "groups of two to eight": Shape(2, 7, 8, 16, 64, THREE, (1, 2), SAME, (2, 1), groups=8),
    "winograd": Shape(2, 20, 20, 32, 64, THREE, padding=SAME),
    "winograd, partial tiles": Shape(5, 17, 15, 17, 35, THREE, padding=((1, 2), (0, 1))),
    "winograd, cut": Shape(3, 18, 21, 16, 16, THREE, padding=((-1, 0), (2, -2))),
    "winograd, no padding": Shape(4, 14, 18, 40, 16, THREE),
}


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SHAPES)
def test_against_sums_over_taps(name, form, workers):
    check(form, SHAPES[name], workers, bias=workers != 2)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name", ["plain", "stride 2", "two groups", "depthwise", "groups of four", "winograd"]
)
def test_double_precision(name, form):
    check(form, SHAPES[name]._replace(kind="f64"), 2, bias=True)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["first layer", "small and deep", "depthwise", "winograd"])
def test_fewer_workers_than_asked_for(name, form):
    """A pool that cannot have its threads runs a program with those it has."""
    check(form, SHAPES[name]._replace(batch=12), 4, running=3)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name", ["stride 2", "two groups", "depthwise", "groups of four", "winograd, partial tiles"]
)
def test_narrower_vectors(name, form, lanes, monkeypatch):
    if target.lanes() < lanes:
        pytest.skip("wider than this CPU's")
    monkeypatch.setattr(target, "lanes", lambda: lanes)
    check(form, SHAPES[name], 2, bias=True)


def test_the_name_of_a_kernel_says_all_that_is_constant_in_it(monkeypatch):
    texts = {}
    for shape in SHAPES.values():
        arrays = made(np.random.default_rng(0), shape)
        for form in FORMS:
            monkeypatch.setattr(kernel, "_named", {})
            for call in calls_of(form, shape, *arrays, 2)[0]:
                for (name, *_), found in kernel._named.items():
                    assert texts.setdefault(name, found.text) == found.text
                assert call.kernel in kernel._named.values()


@pytest.mark.parametrize("name", [name for name in SHAPES if name.startswith("winograd")])
def test_winograd_shapes_take_it(name):
    assert winograd.suits(SHAPES[name], winograd.FIXED_SUMS)


@pytest.mark.parametrize("form", FORMS)
def test_winograd_is_meant_and_can_be_turned_off(form, monkeypatch):
    shape = SHAPES["winograd"]
    names = lambda: [
        c.kernel.name for c in calls_of(form, shape, *made(np.random.default_rng(0), shape), 2)[0]
    ]
    assert any(name.startswith("winograd") for name in names())
    monkeypatch.setattr(settings, "WINOGRAD", False)
    assert not any(name.startswith("winograd") for name in names())
    check(form, shape, 2)


def test_the_environment_turns_winograd_off():
    program = (
        "import rushlight as torch\n"
        "x, w = torch.randn(2, 32, 20, 20), torch.randn(64, 32, 3, 3)\n"
        "torch.nn.functional.conv2d(x, w, padding=1).sum().item()\n"
    )

    def shown(**given):
        kept = {k: v for k, v in os.environ.items() if k != "RUSHLIGHT_WINOGRAD"}
        return subprocess.run(
            [sys.executable, "-c", program], env={**kept, "RUSHLIGHT_SHOW": "kernels", **given},
            capture_output=True, text=True, timeout=120, check=True,
        ).stderr  # fmt: skip

    assert "  winograd" in shown() and "  winograd" in shown(RUSHLIGHT_WINOGRAD="1")
    without = shown(RUSHLIGHT_WINOGRAD="0")
    assert "winograd" not in without and "  convolution_f32" in without


@pytest.mark.parametrize("form", FORMS)
def test_error_of_winograd_is_as_stated(form):
    shape = Shape(2, 32, 32, 64, 64, THREE, padding=SAME)
    assert winograd.suits(shape, winograd.FIXED_SUMS)
    x, w, y, b = made(np.random.default_rng(1), shape)
    right = reference(form, shape, x, w, y)
    error = (computed(form, shape, x, w, y, b[:0], 1) - right) / np.sqrt(np.mean(right**2))
    assert np.sqrt(np.mean(error**2)) < 1.6e-6 and np.max(np.abs(error)) < 2e-5


@pytest.mark.parametrize("form", FORMS)
def test_sizes_make_no_new_kernels(form):
    def kernels(shape):
        return {c.kernel.name for c in calls_of(form, shape, *made(np.random.default_rng(0), shape), 2)[0]}

    plain = SHAPES["stride 2"]
    assert kernels(plain) == kernels(plain._replace(batch=7, height=30, width=41))
    for batch in (1, 40):  # few tiles have a form of their own
        fast = SHAPES["winograd"]._replace(batch=batch)
        assert kernels(fast) == kernels(fast._replace(height=fast.height + 1))


def test_not_a_number_spreads_as_far_as_windows_reach():
    shape = Shape(1, 6, 6, 1, 1, THREE, padding=SAME)
    x, w, y, b = made(np.random.default_rng(0), shape)
    x[0, 2, 3, 0] = np.nan
    found = np.isnan(computed("forward", shape, x, w, y, b[:0], 2))[0, :, :, 0]
    right = np.zeros((6, 6), bool)
    right[1:4, 2:5] = True
    assert (found == right).all()


def test_what_is_empty_or_does_not_divide_is_refused():
    shape = SHAPES["plain"]
    for wrong in (shape._replace(batch=0), shape._replace(height=1, padding=NONE), shape._replace(groups=4)):
        assert all(getattr(convolution, form)(wrong, None, None, None, 1) is None for form in FORMS)


@pytest.mark.skipif(sys.platform == "win32", reason="pages are forbidden by mprotect")
@pytest.mark.parametrize("seed", range(2))
def test_between_guards(seed):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", __file__, str(seed), "40"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"


def random_shape(r):
    while True:
        groups = r.choice([1, 1, 1, 1, 2, 3, 8, 16, 20])
        c, o = groups * r.choice([1, 2, 3, 4]), groups * r.choice([1, 2, 4, 5])
        if groups == 1:
            c, o = r.choice([1, 3, 5, 16, 17, 33, 48]), r.choice([1, 4, 15, 16, 31, 40, 70])
        shape = Shape(
            r.choice([1, 2, 3, 5]), r.choice([1, 3, 4, 7, 8, 13, 17]), r.choice([1, 3, 4, 6, 9, 12, 33]), c, o,
            r.choice([(3, 3), (3, 3), (1, 1), (2, 3), (5, 4), (1, 3), (7, 1)]),
            r.choice([(1, 1), (1, 1), (2, 2), (1, 3), (3, 2)]),
            ((r.choice([0, 1, 2, -1]), r.choice([0, 1, 2])), (r.choice([0, 1, 2]), r.choice([0, 1, 2, -1]))),
            r.choice([(1, 1), (1, 1), (2, 2), (3, 1)]), groups, r.choice(["f32", "f32", "f64"]),
        )  # fmt: skip
        if shape.sound:
            return shape


if __name__ == "__main__":
    chosen = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        shape = random_shape(chosen)
        for form in FORMS:
            workers, bias, at_end = chosen.choice([1, 2, 3, 7]), chosen.random() < 0.5, chosen.random() < 0.7
            print(form, shape, workers, bias, at_end, flush=True)
            check(form, shape, workers, bias, at_end)
