"""Running a program twice, compiled and not, and comparing every bit that a program can see."""

import contextlib
import warnings

import numpy as np

import rushlight as torch


def bits(value):
    """A value as something that is equal only if every bit is."""
    if isinstance(value, torch.Tensor):
        array = value.detach()
        array = np.ascontiguousarray(
            array.resolve_conj().numpy() if array.dtype is not torch.bfloat16 else array.float().numpy()
        )
        return (str(value.dtype), tuple(value.shape), value.requires_grad, array.tobytes())
    if isinstance(value, dict):
        return {k: bits(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(bits, value)]
    if isinstance(value, float):
        return value.hex()
    return value


def near(a, b):
    """Whether what `bits` gave differs by rounding alone."""
    if isinstance(a, tuple) and len(a) == 4 and isinstance(a[3], bytes):
        x, y = (np.frombuffer(t[3], np.float32 if "float32" in t[0] else np.uint8) for t in (a, b))
        return a[:3] == b[:3] and np.allclose(x, y, 1e-5, 1e-6)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(near, a, b))
    return a == b


def run(build, steps, compile, replayed_from=None, seed=0):
    """The bits of what `build(compile)`'s step gives and of the state it shows, step by step."""
    torch.manual_seed(seed)
    step, *state = build(compile)
    log = []
    for i in range(steps):
        only_replays = (
            torch.compiler.set_stance("fail_on_recompile")
            if replayed_from is not None and i >= replayed_from
            else contextlib.nullcontext()
        )
        with only_replays:
            result = step(i)
        log.append(bits(result))
        log += [bits(show()) for show in state]
    log.append(bits(torch.get_rng_state()))
    return log


def check_alike(build, steps=20, replayed_from=5, rounding=False):
    """The same bits compiled and not, and from some step on nothing but replays (None: none are asked for).

    rounding: the last bits may differ, where NumPy adds up in the order in which arrays happen to lie in memory.
    """
    plain = run(build, steps, lambda f, **_: f)
    with warnings.catch_warnings():
        if replayed_from is None:
            warnings.simplefilter("ignore")
        compiled = run(build, steps, torch.compile, replayed_from)
    for i, (a, b) in enumerate(zip(plain, compiled)):
        assert a == b or rounding and near(a, b), f"entry {i} differs"
    assert len(plain) == len(compiled)


def captures(function):
    """How many captures a compiled function has."""
    return sum(len(kind.replays) for kind in function._compiled.kinds.values())


def state_of(model, *optimizers):
    """What a training can see of its model and optimizers."""

    def show():
        return {
            "parameters": list(model.parameters()),
            "gradients": [p.grad for p in model.parameters()],
            "buffers": list(model.buffers()),
            "versions": [p._version for p in model.parameters()],
            "states": [dict(held) for o in optimizers for held in o.state.values()],
        }

    return show
