"""Random small functions, compiled and not: the same results, gradients, writes and random stream, to the bit."""

import numpy as np
from alike import bits
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import rushlight as torch
import rushlight.nn.functional as F

UNARY = ["tanh", "sigmoid", "exp", "relu", "neg", "abs", "sin"]
BINARY = ["add", "sub", "mul", "maximum"]
SHAPES = [(), (3,), (2, 3), (1, 3), (2, 1)]


class State:
    """What a function can reach besides its arguments."""

    def __init__(self, seed, grad):
        random = np.random.default_rng(seed)
        self.held = [torch.tensor(random.standard_normal(s).astype(np.float32)) for s in SHAPES]
        for t in self.held[:2]:
            t.requires_grad_(grad)
        self.number = float(random.standard_normal())
        self.numbers = [1.5, -0.5]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("unary"), st.sampled_from(UNARY), st.integers(0, 9)),
        st.tuples(st.just("binary"), st.sampled_from(BINARY), st.integers(0, 9), st.integers(0, 9)),
        st.tuples(
            st.just("number"), st.sampled_from(BINARY[:3]), st.integers(0, 9), st.floats(-2, 2, width=32)
        ),
        st.tuples(st.just("state"), st.integers(0, 9), st.sampled_from(["number", "numbers"])),
        st.tuples(st.just("held"), st.integers(0, 4)),
        st.tuples(st.just("view"), st.integers(0, 9), st.sampled_from(["flat", "t", "first", "detach"])),
        st.tuples(st.just("write"), st.integers(0, 9), st.integers(0, 9)),
        st.tuples(st.just("write held"), st.integers(2, 4), st.integers(0, 9)),
        st.tuples(st.just("rand"), st.sampled_from(SHAPES)),
        st.tuples(st.just("dropout"), st.integers(0, 9)),
        st.tuples(st.just("sum"), st.integers(0, 9)),
        st.tuples(st.just("backward"), st.integers(0, 9)),
    ),
    min_size=1,
    max_size=8,
)


def function_of(program, state, returned):
    """A function that runs a program on values: its arguments first, each step's result after them."""

    def function(*given):
        values = list(given)
        pick = lambda i: values[i % len(values)]
        for kind, *what in program:
            if kind == "unary":
                values.append(getattr(torch, what[0])(pick(what[1])))
            elif kind == "binary":
                values.append(getattr(torch, what[0])(pick(what[1]), pick(what[2])))
            elif kind == "number":
                values.append(getattr(torch, what[0])(pick(what[1]), what[2]))
            elif kind == "state":
                number = state.number if what[1] == "number" else sum(state.numbers)
                values.append(pick(what[0]) * number)
            elif kind == "held":
                values.append(state.held[what[0]])
            elif kind == "view":
                x = pick(what[0])
                values.append(
                    x.reshape(-1)
                    if what[1] == "flat"
                    else x.detach()
                    if what[1] == "detach"
                    else x.t()
                    if what[1] == "t" and x.dim() == 2
                    else x[:1]
                    if x.dim()
                    else x
                )
            elif kind in ("write", "write held"):
                target = pick(what[0]) if kind == "write" else state.held[what[0]]
                with torch.no_grad():
                    target.detach().add_(pick(what[1]).sum())
            elif kind == "rand":
                values.append(torch.rand(what[0]))
            elif kind == "dropout":
                values.append(F.dropout(pick(what[0]), 0.5))
            elif kind == "sum":
                values.append(pick(what[0]).sum())
            elif kind == "backward":
                x = pick(what[0])
                if x.requires_grad:
                    x.sum().backward(retain_graph=True)
        return [values[i % len(values)] for i in returned]

    return function


def log_of(compile, program, returned, count, grad, outside, changes):
    """Everything that can be seen of several calls."""
    torch.manual_seed(0)
    state = State(1, grad)
    function = compile(function_of(program, state, returned))
    log = []
    arguments = [torch.randn(SHAPES[i % len(SHAPES)]) for i in range(count)]
    for i in range(7):
        given = [a.clone().requires_grad_(grad and k % 2 == 0) for k, a in enumerate(arguments)]
        if i == 4 and changes == "number":
            state.number += 1
        if i == 4 and changes == "list":
            state.numbers.append(2.0)
        if i == 5 and changes == "tensor":
            with torch.no_grad():
                state.held[0].add_(1)
        if i == 5 and changes == "grad":
            state.held[0].grad = None
        try:
            result = function(*given)
            if outside:
                for r in result:
                    if r.requires_grad and not r.is_leaf:
                        r.sum().backward(retain_graph=True)
        except RuntimeError as error:
            log.append(str(error).partition(" (recorded")[0][:60])
            break
        log.append(bits(result))
        log.append([bits(g.grad) for g in given])
        log.append(bits([*given, *state.held]))
        log.append([bits(h.grad) for h in state.held])
        log.append([a is b for a in result for b in [*given, *state.held]])
        log.append([r.stride() for r in result])
    log.append(bits(torch.get_rng_state()))
    return log


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    program=steps,
    returned=st.lists(st.integers(0, 12), min_size=1, max_size=3),
    count=st.integers(1, 3),
    grad=st.booleans(),
    outside=st.booleans(),
    changes=st.sampled_from([None, "number", "list", "tensor", "grad"]),
)
@example(  # strides of one element, seen in something larger
    [("held", 3), ("state", 1, "number"), ("view", 2, "t"), ("unary", "tanh", 0), ("view", 3, "first")],
    [5], 1, False, False, None,
)  # fmt: skip
def test_random_functions(program, returned, count, grad, outside, changes):
    import warnings

    plain = log_of(lambda f: f, program, returned, count, grad, outside, changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = log_of(torch.compile, program, returned, count, grad, outside, changes)
    assert plain == compiled
