"""What a replay could not do again runs uncaptured, says so once, and gives what it would give without compile."""

import contextlib
import copy
import dataclasses
import io
import logging
import random
import time
import typing
import warnings

import numpy as np
import pytest
from alike import captures, check_alike

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F
from rushlight.utils.checkpoint import checkpoint

count = 0


def uncaptured(function, says, given=lambda i: (torch.arange(3.0),), steps=8, finds=None):
    """The function gives the same results compiled, warns once with `says`, and is never captured."""

    def build(compile):
        compiled = compile(function)
        made.append(compiled)
        return (lambda i: compiled(*given(i)),)

    made = []
    check_alike(build, steps, None)
    torch.compiler.reset()
    compiled = torch.compile(function)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(6):
            compiled(*given(i))
    told = [str(w.message) for w in caught if "torch.compile" in str(w.message)]
    assert len(told) == 1 and says in told[0], told
    assert captures(compiled) == 0
    return told[0]


# ---------------------------------------------------------------- numbers read by the host


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x.sum().item(),
        lambda x: x if x.sum() > 2 else -x,
        lambda x: x + float(x[0]),
        lambda x: x[int(x[1]) :],
        lambda x: x + torch.tensor((x * 2).tolist()),
        lambda x: x + torch.from_numpy((x * 2).numpy()),
        lambda x: x + len(str(x)),
        lambda x: x[x > 1],
        lambda x: torch.nonzero(x).float(),
        lambda x: x + torch.tensor([x[0], 1.0, 2.0]),
        lambda x: torch.unique(x),
    ],
)
def test_host_reads(function):
    told = uncaptured(function, "runs uncaptured: ")
    assert "a tensor's numbers are" in told or "memory is handed out" in told
    assert "test_what_is_refused.py:" in told


def test_a_read_of_a_tensor_that_stays():
    level = torch.tensor(2.0)
    uncaptured(lambda x: x * level.item(), "a tensor's numbers are read")


# ---------------------------------------------------------------- effects on Python objects


def test_effects_on_python_objects():
    kept = []
    counts = {"calls": 0}

    def appends(x):
        kept.append(len(kept))
        return x + 1

    def counts_up(x):
        counts["calls"] += 1
        return x + 1

    def sets_a_global(x):
        global count
        count += 1
        return x + 1

    for function in (appends, counts_up, sets_a_global):
        uncaptured(function, "it changes ")
    assert len(kept) > 10 and counts["calls"] == count == len(kept)


def test_a_variable_of_an_enclosing_function_that_is_set():
    calls = 0

    def function(x):
        nonlocal calls
        calls += 1
        return x + calls

    compiled = torch.compile(function)
    with pytest.warns(UserWarning, match="it changes calls"):
        found = [compiled(torch.zeros(1)).item() for _ in range(6)]
    assert found == [1, 2, 3, 4, 5, 6]


def test_attributes_that_are_set():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0
            self.last = None

        def forward(self, x):
            self.calls += 1
            return x * 2

    class Keeping(Counting):
        def forward(self, x):
            self.last = x * 2
            return self.last

    class Plain:
        calls, last = 0, None
        forward = Counting.forward

    for made in (Counting(), Keeping(), Plain()):
        compiled = torch.compile(made.forward)
        with pytest.warns(UserWarning, match="runs uncaptured: it changes"):
            for _ in range(6):
                compiled(torch.ones(2))
        assert made.calls == 6 or made.last is not None


def test_a_tensor_kept_in_a_place_that_cannot_be_seen():
    class Box:
        """Its state is not in attributes."""

        def __init__(self):
            self._items = iter([])

    hidden = {}

    class Descriptor:
        def __set__(self, owner, value):
            hidden[id(owner)] = value

        def __get__(self, owner, cls):
            return hidden.get(id(owner))

    Box.kept = Descriptor()
    box = Box()

    def function(x):
        box.kept = x + 1
        return x

    compiled = torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(6):
            compiled(torch.full((1,), float(i)))
            assert box.kept.item() == i + 1


def test_filling_what_is_given():
    def function(out, x):
        out["y"] = x * 2

    compiled = torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(6):
            out = {}
            compiled(out, torch.full((1,), float(i)))
            assert out["y"].item() == 2 * i


# ---------------------------------------------------------------- the world


def test_what_acts_on_the_world(capsys, tmp_path):
    uncaptured(lambda x: print("here") or x, "print() is called")
    assert capsys.readouterr().out.count("here") == 8 + 8 + 6
    uncaptured(lambda x: x * (time.perf_counter() > 0), "perf_counter() is called")
    stream = io.StringIO()
    uncaptured(lambda x: x + bool(stream.write("a")), "StringIO.write() is called")
    assert len(stream.getvalue()) == 22
    generator = random.Random(0)
    uncaptured(lambda x: x * (generator.random() >= 0), "Random.random() is called")
    uncaptured(lambda x: x * (random.random() >= 0), "random() is called")
    uncaptured(lambda x: x * float(np.random.rand() >= 0), "numpy.random")


def test_logging(caplog):
    logger = logging.getLogger("rushlight.tests")

    def function(x):
        logger.warning("step")
        return x + 1

    compiled = torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(6):
            compiled(torch.ones(1))
    assert len(caplog.records) == 6


def test_iterators():
    numbers = iter(range(1000))
    compiled = torch.compile(lambda x: x + next(numbers))
    with pytest.warns(UserWarning, match="range_iterator"):
        assert [compiled(torch.zeros(1)).item() for _ in range(6)] == list(range(6))


def test_generators_and_coroutines():
    def numbers(x):
        yield x
        yield x + 1

    async def later(x):
        return x + 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(5):
            assert [t.item() for t in torch.compile(numbers)(torch.zeros(1))] == [0, 1]
        compiled = torch.compile(numbers)
        for _ in range(6):
            assert [t.item() for t in compiled(torch.zeros(1))] == [0, 1]
        compiled = torch.compile(later)
        for _ in range(5):
            with contextlib.suppress(StopIteration):
                compiled(torch.zeros(1)).send(None)


def test_numpy_arrays():
    array = np.arange(3, dtype=np.float32)

    def function(x):
        return x + torch.from_numpy(array)

    def build(compile):
        array[:] = 0
        compiled = compile(function)

        def step(i):
            array[0] = i
            return compiled(torch.ones(3))

        return (step,)

    check_alike(build, 8, None)
    compiled = torch.compile(lambda x: x * float(array.sum()))

    for i in range(8):
        array[:] = i // 4
        assert compiled(torch.ones(1)).item() == 3 * (i // 4)


# ---------------------------------------------------------------- random numbers


def test_streams_that_are_replaced():
    def forked(x):
        with torch.random.fork_rng():
            y = torch.rand(2)
        return x.sum() + y + torch.rand(2)

    uncaptured(forked, "random stream")
    lin = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))

    def recomputed(x):
        checkpoint(lin, x, use_reentrant=False).sum().backward()
        return x.grad

    def given(i):
        lin.zero_grad()
        return (torch.ones(2, 3, requires_grad=True),)

    uncaptured(recomputed, "random stream", given)


# ---------------------------------------------------------------- results


class Point(typing.NamedTuple):
    x: torch.Tensor
    label: str


@dataclasses.dataclass
class Output:
    loss: torch.Tensor
    parts: list
    name: str = "out"


class Plain:
    def __init__(self, value):
        self.value = value


def test_results_of_every_shape():
    def build(compile):
        w = torch.ones(2)
        shared = {"a": 1}

        @compile
        def function(x):
            y = x * 2
            return {
                "same": (y, y),
                "point": Point(y + 1, "p"),
                "output": vars(Output(y.sum(), [y, None, 3])),
                "given": x,
                "held": w,
                "view": y[1:],
                "strided": torch.stack([y, y]).t(),
                "sizes": y.shape,
                "none": None,
                "max": tuple(y.max(0)),
                "shared": shared,
                "detached": y.detach(),
                "alias": x.view(1, 2),
            }

        def step(i):
            x = torch.full((2,), float(i))
            result = function(x)
            result["identities"] = [
                result["same"][0] is result["same"][1],
                result["given"] is x,
                result["held"] is w,
                result["shared"] is shared,
                result["detached"]._storage is result["same"][0]._storage,
                result["alias"]._storage is x._storage,
                result["strided"].stride(),
                type(result["point"]).__name__,
                type(result["sizes"]).__name__,
            ]
            result["alias"].add_(1)
            result["after"] = x.clone()
            return result

        return (step,)

    check_alike(build, 8, 3)


def test_instances_as_results():
    compiled = torch.compile(lambda x: (Output(x.sum(), [x]), Plain(x * 2)))
    for i in range(6):
        output, plain = compiled(torch.full((2,), float(i)))
        assert isinstance(output, Output) and output.loss.item() == 2 * i and output.name == "out"
        assert isinstance(plain, Plain) and plain.value.tolist() == [2 * i] * 2
    assert captures(compiled) == 1


def test_results_are_new_each_time():
    compiled = torch.compile(lambda x: [x + 1])
    results = [compiled(torch.full((1,), float(i))) for i in range(6)]
    assert [r[0].item() for r in results] == [1, 2, 3, 4, 5, 6]
    assert len({id(r) for r in results}) == 6
    results[4][0].add_(5)
    assert results[5][0].item() == 6


def test_a_gradient_penalty_inside():
    def build(compile):
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        optimizer = torch.optim.Adam(net.parameters())

        @compile
        def train(x):
            x = x.detach().requires_grad_(True)
            (g,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
            loss = (g.norm(dim=1) - 1).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        data = torch.randn(3, 5, 3)
        return (lambda i: train(data[i % 3])), lambda: list(net.parameters())

    check_alike(build, 10, 4)


def test_deepcopies_inside():
    model = nn.Linear(2, 2)

    def function(x):
        return copy.deepcopy(model)(x).detach()

    def build(compile):
        compiled = compile(function)
        return (lambda i: compiled(torch.full((2,), float(i))),)

    check_alike(build, 8, None)


def test_embedding_checks_every_index():
    layer = nn.Embedding(4, 2)

    @torch.compile
    @torch.no_grad()
    def function(i):
        return layer(i)

    for _ in range(5):
        function(torch.tensor([1, 2]))
    with pytest.raises(IndexError, match="recorded at .*test_what_is_refused.py"):
        function(torch.tensor([1, 9]))
    assert function(torch.tensor([3])).shape == (1, 2)


def test_losses_check_every_label():
    @torch.compile
    def function(x, y):
        return F.cross_entropy(x, y)

    for _ in range(5):
        function(torch.zeros(2, 3), torch.tensor([0, 1]))
    with pytest.raises(IndexError):
        function(torch.zeros(2, 3), torch.tensor([0, 7])).item()
