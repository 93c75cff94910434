"""Connectionist temporal classification: the likelihood of a label sequence under all its alignments (Graves 2006).

Primitives, since the recursion over time cannot be composed without a node for every step. States are the labels with
blanks between and around them; the sums are kept as logarithms, in float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..graph.registry import OPAQUE, Primitive


class _Lattice(NamedTuple):
    """The states of every sample, padded to the longest: `labels` (N, S), `skips` where the blank before may be left out."""

    labels: Any
    skips: Any
    steps: Any
    lengths: Any


def _rows_of_targets(np: Any, targets: Any, lengths: Any) -> Any:
    """(N, longest) from targets in rows or one after another; what pads them does not count."""
    longest = int(lengths.max(initial=0))
    if targets.ndim == 2:
        return targets[:, :longest]
    rows = np.zeros((len(lengths), longest), np.int64)
    ends = np.cumsum(lengths)
    for row, end, n in zip(rows, ends, lengths):
        row[:n] = targets[end - n : end]
    return rows


def _lattice(np: Any, x: Any, targets: Any, steps: Any, lengths: Any, blank: int) -> _Lattice:
    _check_lengths(x, targets, steps, lengths)
    rows = _rows_of_targets(np, targets, lengths)
    counts = np.arange(rows.shape[1]) < lengths[:, None]
    bad = rows[counts & ((rows < 0) | (rows >= x.shape[2]))]
    if bad.size:
        raise IndexError(
            f"ctc_loss: Target {bad[0]} is out of bounds: with {x.shape[2]} classes it is in [0, {x.shape[2] - 1}]"
        )
    labels = np.full((len(lengths), 2 * rows.shape[1] + 1), blank)
    labels[:, 1::2] = np.where(counts, rows, blank)
    skips = np.zeros(labels.shape, bool)
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    return _Lattice(labels, skips, steps, lengths)


def _check_lengths(x: Any, targets: Any, steps: Any, lengths: Any) -> None:
    for which, values, most in (("input_lengths", steps, x.shape[0]), ("target_lengths", lengths, None)):
        for n in values:
            if n < 0:
                raise RuntimeError(f"Expected {which} to have value at least 0, but got value {n} (ctc_loss)")
            if most is not None and n > most:
                raise RuntimeError(
                    f"Expected {which} to have value at most {most}, but got value {n} (ctc_loss)"
                )
    if targets.ndim == 1 and targets.shape[0] != lengths.sum():
        raise RuntimeError(
            f"Expected tensor to have size {lengths.sum()} at dimension 0, but got size {targets.shape[0]} for argument "
            "#2 'targets' (ctc_loss: the sum of target_lengths)"
        )
    if targets.ndim == 2 and lengths.size and lengths.max() > targets.shape[1]:
        raise RuntimeError(
            f"Expected tensor to have size at least {lengths.max()} at dimension 1, but got size {targets.shape[1]} for "
            "argument #2 'targets' (ctc_loss)"
        )


def _emissions(np: Any, x: Any, labels: Any) -> Any:
    """(T, N, S): the log-probability of each state's label at each time."""
    return x.astype(np.float64)[:, np.arange(len(labels))[:, None], labels]


def _shifted(np: Any, a: Any, by: int) -> Any:
    """Each row moved on by `by` states (back, for a negative number), -inf where nothing comes."""
    out = np.full(a.shape, -np.inf)
    if by > 0:
        out[:, by:] = a[:, :-by]
    else:
        out[:, :by] = a[:, -by:]
    return out


def _forward(np: Any, emissions: Any, lattice: _Lattice) -> Any:
    """(T, N, S): the log-probability of all beginnings that end in each state."""
    alpha = np.full(emissions.shape, -np.inf)
    if not len(alpha):
        return alpha
    alpha[0, :, 0] = emissions[0, :, 0]
    first = lattice.lengths > 0
    alpha[0, first, 1:2] = emissions[0, first, 1:2]
    for t in range(1, len(alpha)):
        before = alpha[t - 1]
        over = np.where(lattice.skips, _shifted(np, before, 2), -np.inf)
        reached = np.logaddexp(np.logaddexp(before, _shifted(np, before, 1)), over)
        alpha[t] = reached + emissions[t]
    return alpha


def _likelihood(np: Any, alpha: Any, lattice: _Lattice) -> Any:
    """(N,): the log-probability of each target; states 2 L and 2 L - 1 end it."""
    T, N, _ = alpha.shape
    n, last = np.arange(N), 2 * lattice.lengths
    if not T:
        return np.where(lattice.lengths == 0, 0.0, -np.inf)
    at = np.maximum(lattice.steps - 1, 0)
    ends = alpha[at, n, last]
    labelled = np.where(lattice.lengths > 0, alpha[at, n, np.maximum(last - 1, 0)], -np.inf)
    nothing = np.where(lattice.lengths == 0, 0.0, -np.inf)
    return np.where(lattice.steps == 0, nothing, np.logaddexp(ends, labelled))


def _ctc(np: Any, x: Any, targets: Any, steps: Any, lengths: Any, blank: int) -> Any:
    lattice = _lattice(np, x, targets, steps, lengths, blank)
    return -_likelihood(np, _forward(np, _emissions(np, x, lattice.labels), lattice), lattice)


def _backward(np: Any, emissions: Any, lattice: _Lattice) -> Any:
    """(T, N, S): the log-probability of all ends that begin after each state."""
    T, N, S = emissions.shape
    beta = np.full(emissions.shape, -np.inf)
    n, last = np.arange(N), 2 * lattice.lengths
    onward = np.zeros_like(lattice.skips)
    onward[:, :-2] = lattice.skips[:, 2:]
    for t in range(T - 1, -1, -1):
        if t + 1 < T:
            after = beta[t + 1] + emissions[t + 1]
            over = np.where(onward, _shifted(np, after, -2), -np.inf)
            beta[t] = np.logaddexp(np.logaddexp(after, _shifted(np, after, -1)), over)
        ending = lattice.steps == t + 1
        beta[t, ending] = -np.inf
        beta[t, n[ending], last[ending]] = 0.0
        labelled = ending & (lattice.lengths > 0)
        beta[t, n[labelled], last[labelled] - 1] = 0.0
    return beta


def _ctc_slope(np: Any, x: Any, targets: Any, steps: Any, lengths: Any, blank: int) -> Any:
    lattice = _lattice(np, x, targets, steps, lengths, blank)
    emissions = _emissions(np, x, lattice.labels)
    alpha = _forward(np, emissions, lattice)
    total = _likelihood(np, alpha, lattice)
    share = np.exp(alpha + _backward(np, emissions, lattice) - total[:, None])
    T, N, S = share.shape
    slope = np.exp(x.astype(np.float64))
    at = (np.arange(T)[:, None, None], np.arange(N)[:, None], np.broadcast_to(lattice.labels, share.shape))
    np.subtract.at(slope, at, share)
    slope[np.arange(T)[:, None] >= steps] = 0
    return slope


_TWICE = "ctc_loss: its gradient cannot be differentiated again, here as in PyTorch"

ctc = Primitive(
    "ctc",
    "-log of the probability of each target, from log-probabilities (T, N, C). Its gradient is that of log-probabilities "
    "that a log_softmax gave: exp(x) minus each label's share.",
    kind=OPAQUE,
    arity=4,
    fallible=True,
    shape=lambda x, targets, steps, lengths, blank: (x.shape[1],),
    numpy=_ctc,
    vjp=(
        lambda g, out, x, targets, steps, lengths, blank: (
            x.ctc_slope(targets, steps, lengths, blank) * g.reshape((1, x.shape[1], 1))
        ),
        None,
        None,
        None,
    ),
)
ctc_slope = Primitive(
    "ctc_slope",
    "The gradient of ctc, (T, N, C).",
    kind=OPAQUE,
    arity=4,
    fallible=True,
    shape=lambda x, targets, steps, lengths, blank: x.shape,
    numpy=_ctc_slope,
    vjp=(lambda g, out, *_: g.within(1.0, 0.0, False, "RuntimeError", _TWICE), None, None, None),
)
