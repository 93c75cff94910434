"""Random programs of views, writes and arithmetic, against NumPy doing the same on shared memory."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rushlight as torch

UNARY = {"sin": np.sin, "tanh": np.tanh, "neg": np.negative, "abs": np.abs}


@st.composite
def programs(draw):
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["row", "column", "transpose", "slice", "reshape", "expandless", "unary", "binary", "write", "fill", "read"]),
                st.integers(0, 7),
                st.integers(0, 7),
                st.floats(-2, 2, allow_nan=False, width=32),
            ),
            min_size=1,
            max_size=14,
        )
    )  # fmt: skip
    return (rows, columns), steps


def view(kind, x, i, j):
    """The same view of a tensor or an array, or None where its rank does not allow it."""
    if kind == "row" and x.ndim:
        return x[i % x.shape[0]] if x.shape[0] else None
    if kind == "column" and x.ndim > 1:
        return x[:, j % x.shape[1]] if x.shape[1] else None
    if kind == "transpose" and x.ndim == 2:
        return x.T
    if kind == "slice" and x.ndim:
        start = i % (x.shape[0] + 1)
        return x[start : start + j : 1 + j % 2]
    return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_views_and_writes_agree_with_numpy(program):
    shape, steps = program
    base = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) / 7
    arrays, tensors = [base], [torch.tensor(base)]
    for kind, i, j, value in steps:
        k = i % len(arrays)
        a, t = arrays[k], tensors[k]
        if kind in ("row", "column", "transpose", "slice"):
            seen = view(kind, a, i, j)
            if seen is None:
                continue
            arrays.append(np.asarray(seen) if np.ndim(seen) else a[(i % a.shape[0], ...)])
            tensors.append(view(kind, t, i, j))
        elif kind == "reshape":
            arrays.append(a.reshape(-1).copy())
            tensors.append(t.reshape(-1).clone())
        elif kind == "unary":
            name = list(UNARY)[j % len(UNARY)]
            arrays.append(np.asarray(UNARY[name](a)))
            tensors.append(getattr(torch, name)(t))
        elif kind == "binary":
            arrays.append(np.asarray(a * value + a))
            tensors.append(t * value + t)
        elif kind == "write":
            a *= value
            t.mul_(value)
        elif kind == "fill" and a.ndim:
            a[..., : j + 1] = value
            t[..., : j + 1] = value
        elif kind == "read":
            t.sum().item()
    for a, t in zip(arrays, tensors):
        np.testing.assert_allclose(t.numpy(), a, rtol=1e-12, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["mul", "sin", "view", "write", "sum"]), min_size=1, max_size=8), st.booleans()
)
def test_gradients_agree_with_differences(steps, read):
    def run(x):
        y = x * 1.5
        for step in steps:
            if step == "mul":
                y = y * y.cos()
            elif step == "sin":
                y = torch.sin(y)
            elif step == "view":
                y = y.reshape(3, 2).t().reshape(2, 3)
            elif step == "write":
                y = y.clone()
                y[0] = y[1] * 2
            elif step == "sum":
                y = y + y.sum(0, keepdim=True)
            if read:
                y.sum().item()
        return (y * torch.arange(6.0, dtype=torch.float64).reshape(2, 3)).sum()

    start = np.linspace(-0.5, 0.5, 6).reshape(2, 3)
    x = torch.tensor(start, requires_grad=True)
    run(x).backward()
    direction = np.cos(np.arange(6.0)).reshape(2, 3)
    step = 1e-6
    ahead, behind = (run(torch.tensor(start + s * step * direction)).item() for s in (1, -1))
    told = float((x.grad.numpy() * direction).sum())
    np.testing.assert_allclose(told, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-5)
