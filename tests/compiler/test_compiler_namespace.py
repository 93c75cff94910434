"""torch.compile's arguments, torch.compiler, torch._dynamo, and calls in unusual places."""

import copy
import inspect
import pickle
import threading
import warnings

import pytest
from alike import captures

import rushlight as torch
import rushlight.nn as nn


@torch.compile
def module_level(x, by: float = 2.0):
    """A docstring."""
    return x * by


class Methods:
    def __init__(self, by):
        self.by = by

    @torch.compile
    def method(self, x):
        return x * self.by

    @staticmethod
    @torch.compile
    def static(x):
        return x + 1


def warm(function, *args):
    for _ in range(4):
        function(*args)


def test_forms_of_the_call():
    x = torch.ones(2)
    for made in (
        torch.compile(lambda x: x + 1),
        torch.compile()(lambda x: x + 1),
        torch.compile(fullgraph=True, dynamic=True, backend="eager")(lambda x: x + 1),
        torch.compile(lambda x: x + 1, mode="reduce-overhead"),
        torch.compile(lambda x: x + 1, backend="aot_eager", options={}),
        torch.compile(lambda x: x + 1, disable=True),
    ):
        for _ in range(4):
            assert made(x).tolist() == [2, 2]


def test_what_compile_refuses():
    with pytest.raises(RuntimeError, match="both can't be specified"):
        torch.compile(lambda x: x, mode="default", options={})
    with pytest.raises(RuntimeError, match="Unrecognized mode"):
        torch.compile(lambda x: x, mode="fastest")
    with pytest.raises(RuntimeError, match="Invalid backend: 'fast'"):
        torch.compile(lambda x: x, backend="fast")
    with pytest.raises(RuntimeError, match="a function or a module"):
        torch.compile(3)

    def my_backend(graph, inputs):
        raise AssertionError("not called")

    with pytest.warns(UserWarning, match="my_backend"):
        compiled = torch.compile(lambda x: x + 1, backend=my_backend)
    warm(compiled, torch.ones(1))


def test_functions_keep_their_identity():
    assert module_level.__name__ == "module_level" and module_level.__doc__ == "A docstring."
    assert list(inspect.signature(module_level).parameters) == ["x", "by"]
    assert pickle.loads(pickle.dumps(module_level)) is module_level
    assert copy.deepcopy(module_level) is module_level
    warm(module_level, torch.ones(1))
    assert module_level(torch.ones(1)).item() == 2 and captures(module_level) == 1


def test_methods():
    one, two = Methods(2.0), Methods(3.0)
    for _ in range(5):
        assert one.method(torch.ones(1)).item() == 2
        assert two.method(torch.ones(1)).item() == 3
        assert Methods.static(torch.ones(1)).item() == 2
    one.by = 5.0
    assert one.method(torch.ones(1)).item() == 5
    assert captures(Methods.method) == 3


def test_fullgraph():
    with pytest.raises(RuntimeError, match="test_compiler_namespace.py"):
        torch.compile(lambda x: x * x.sum().item(), fullgraph=True)(torch.ones(2))
    with pytest.raises(RuntimeError, match="print"):
        compiled = torch.compile(lambda x: print(end="") or x, fullgraph=True)
        warm(compiled, torch.ones(2))
    compiled = torch.compile(lambda x: x + 1, fullgraph=True)
    warm(compiled, torch.ones(2))
    assert captures(compiled) == 1
    assert issubclass(torch._dynamo.exc.Unsupported, RuntimeError)


def test_the_limit():
    compiled = torch.compile(lambda x, by: x * by)
    with pytest.warns(UserWarning, match="more than 8 different captures") as caught:
        for i in range(40):
            for _ in range(3):
                assert compiled(torch.ones(1), float(i)).item() == i
    assert len(caught) == 1
    assert captures(compiled) == 8
    assert len(compiled._compiled.kinds) <= 64


def test_is_compiling():
    seen = []

    def function(x):
        seen.append(torch.compiler.is_compiling())
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm(torch.compile(function), torch.ones(1))
    function(torch.ones(1))
    assert seen[0] and not seen[-1]
    assert not torch.compiler.is_compiling() and not torch._dynamo.is_compiling()
    assert not torch.compiler.is_exporting()


def test_disable():
    calls = []

    @torch.compiler.disable
    def inner(x):
        calls.append(torch.compiler.is_compiling())
        return x + 1

    compiled = torch.compile(lambda x: inner(x) * 2)
    with pytest.warns(UserWarning, match="torch.compiler.disable"):
        for _ in range(6):
            assert compiled(torch.ones(1)).item() == 4
    assert len(calls) == 6

    @torch.compiler.disable()
    def outer(x):
        return deep(x)

    deep = torch.compile(lambda x: x + 1)
    for _ in range(6):
        outer(torch.ones(1))
    assert captures(deep) == 0
    layer = torch.compiler.disable(nn.Linear(2, 2))
    assert isinstance(layer, nn.Linear) and layer(torch.ones(1, 2)).shape == (1, 2)


def test_stances():
    compiled = torch.compile(lambda x: x + 1)
    with torch.compiler.set_stance("force_eager"):
        warm(compiled, torch.ones(1))
    assert captures(compiled) == 0
    warm(compiled, torch.ones(1))
    with torch.compiler.set_stance("eager_on_recompile"):
        warm(compiled, torch.ones(2))
    assert captures(compiled) == 1
    with torch.compiler.set_stance("fail_on_recompile"):
        compiled(torch.ones(1))
        with pytest.raises(RuntimeError, match="fail_on_recompile"):
            compiled(torch.ones(2))

    @torch.compiler.set_stance("force_eager")
    def function():
        warm(compiled, torch.ones(3))

    function()
    assert captures(compiled) == 1
    torch.compiler.set_stance("default")
    with pytest.raises(RuntimeError, match="invalid torch.compile stance"):
        torch.compiler.set_stance("other")


def test_reset():
    compiled = torch.compile(lambda x: x + 1)
    warm(compiled, torch.ones(1))
    assert captures(compiled) == 1
    torch._dynamo.reset()
    assert captures(compiled) == 0
    warm(compiled, torch.ones(1))
    torch.compiler.reset()
    assert captures(compiled) == 0


def test_dynamo():
    assert torch._dynamo.OptimizedModule is torch._dynamo.eval_frame.OptimizedModule
    assert isinstance(torch.compile(nn.ReLU()), torch._dynamo.OptimizedModule)
    assert torch._dynamo.config.cache_size_limit == 8
    torch._dynamo.config.suppress_errors = True
    torch._dynamo.config.suppress_errors = False
    x = torch.ones(2)
    torch._dynamo.mark_dynamic(x, 0)
    torch._dynamo.mark_static(x, 0)
    assert torch._dynamo.allow_in_graph(len) is len
    assert "inductor" in torch.compiler.list_backends() and "eager" in torch._dynamo.list_backends()
    assert torch._dynamo.disable(lambda: 1)() == 1


def test_config_limit(monkeypatch):
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 2)
    compiled = torch.compile(lambda x, by: x * by)
    with pytest.warns(UserWarning, match="more than 2 different captures"):
        for i in range(6):
            warm(compiled, torch.ones(1), i)
    assert captures(compiled) == 2


# ---------------------------------------------------------------- unusual calls


def test_errors_of_the_function():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.125)

    @torch.compile
    def step(x, fails):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        if fails:
            raise KeyError("mine")
        return w.sum()

    for i in range(12):
        before = w.tolist()
        try:
            step(torch.ones(2), i % 3 == 2)
        except KeyError as error:
            assert error.args == ("mine",) and i % 3 == 2
        assert w.tolist() == [b - 0.125 for b in before]


def test_a_failing_program_changes_nothing():
    w = torch.ones(4, 2, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.1)

    @torch.compile
    def step(at):
        optimizer.zero_grad()
        loss = torch.nn.functional.embedding(at, w).sum()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        step(torch.tensor([0, 1]))
        before = (
            w.tolist(),
            w._version,
            optimizer.state[w]["step"].item(),
            optimizer.state[w]["exp_avg"].tolist(),
        )
        if i > 4:
            with pytest.raises(IndexError):
                step(torch.tensor([0, 7]))
            after = (
                w.tolist(),
                w._version,
                optimizer.state[w]["step"].item(),
                optimizer.state[w]["exp_avg"].tolist(),
            )
            assert before == after
            assert w.grad is None  # zero_grad() was before the failure
    assert captures(step) == 1


def test_a_function_that_calls_itself():
    @torch.compile
    def power(x, n):
        return x if n == 0 else power(x, n - 1) * 2

    for _ in range(5):
        assert power(torch.ones(1), 5).item() == 32
    assert captures(power) == 1


def test_compiled_functions_that_call_each_other():
    inner = torch.compile(lambda x: x * 2)
    outer = torch.compile(lambda x: inner(x) + inner(x + 1))
    for i in range(6):
        assert outer(torch.full((1,), float(i))).item() == 4 * i + 2
        assert inner(torch.full((1,), float(i))).item() == 2 * i
    assert captures(outer) == captures(inner) == 1


def test_threads():
    w = torch.arange(4.0)
    compiled = torch.compile(lambda x: (x * w).sum())
    wrong = []

    def work(k):
        for i in range(60):
            x = torch.full((4,), float(i + k))
            if compiled(x).item() != 6 * (i + k):
                wrong.append((i, k))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and captures(compiled) >= 1


def test_pending_work_is_done_before():
    compiled = torch.compile(lambda x: x * 2)
    for i in range(6):
        x = torch.ones(2) + i  # not computed yet
        assert compiled(x).tolist() == [2 * (1 + i)] * 2


def test_generators_of_random_numbers():
    mine = torch.Generator()

    @torch.compile
    def function(n):
        return torch.rand(n, generator=mine), torch.randn(n), torch.randperm(n)

    def log():
        mine.manual_seed(3)
        torch.manual_seed(1)
        return [[t.tolist() for t in function(5)] for _ in range(6)]

    first = log()
    assert captures(function) == 1
    with torch.compiler.set_stance("force_eager"):
        assert log() == first
    assert log() == first


def test_seeds_inside():
    @torch.compile
    def function(x):
        torch.manual_seed(7)
        return torch.rand(2) + x

    for _ in range(6):
        torch.rand(3)
        found = function(torch.zeros(2))
        torch.manual_seed(7)
        assert torch.equal(found, torch.rand(2))
    assert captures(function) == 1


def test_sampling_in_place_and_dropout():
    def function(x):
        y = (
            torch.empty(3).uniform_(-1, 1)
            + torch.empty(20).normal_().sum()
            + torch.empty(2).exponential_().sum()
        )
        return nn.functional.gumbel_softmax(x + y, tau=0.5), torch.bernoulli(torch.full((4,), 0.5), 0.5)

    compiled = torch.compile(function)

    def log(f):
        torch.manual_seed(5)
        return [[t.tolist() for t in f(torch.zeros(3))] for _ in range(6)]

    assert log(compiled) == log(function)
    assert captures(compiled) == 1


def test_a_profiler_is_left_alone():
    import sys

    seen = []
    compiled = torch.compile(lambda x: x + 1)
    sys.setprofile(lambda *event: seen.append(event[1]))
    try:
        warm(compiled, torch.ones(1))
    finally:
        sys.setprofile(None)
    assert seen and captures(compiled) == 0
    warm(compiled, torch.ones(1))
    assert captures(compiled) == 1


def test_what_is_captured_is_let_go():
    import gc
    import weakref

    model = nn.Linear(2, 2)
    compiled = torch.compile(model)
    warm(compiled, torch.ones(1, 2))
    gone = weakref.ref(model)
    del model, compiled
    gc.collect()
    assert gone() is None
