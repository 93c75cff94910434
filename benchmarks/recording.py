"""What recording costs: tiny_ops and sgd_two_numbers with the arithmetic left out, against PyTorch's whole step.

Everything but the arithmetic is measured: recording, tape, backward, optimizer, key, cache look-up. Both libraries run
in this process in turn, and the ratio is the median over rounds. Run: python benchmarks/recording.py
"""

import statistics
import sys
import time

import numpy as np

import rushlight
from rushlight.executors import queue

ROUNDS = 9
LIMITS = {"tiny_ops": 0.5, "sgd_two_numbers": 0.5}  # measured: 0.37 and 0.33


class NoArithmetic:
    """A program that hands out fresh memory and computes nothing."""

    def __init__(self, order, inputs, roots):
        self.roots = [(node.shape, node.dtype.numpy) for node in roots]

    def run(self, arrays):
        return [np.empty(shape, dtype) for shape, dtype in self.roots]


def tiny_ops(torch):
    x = torch.randn(8)

    def step():
        y = x
        for _ in range(100):
            y = y * 1.001 + 0.1
        return y[0]

    return step, 100


def sgd_two_numbers(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.01)

    def step():
        y = x + 2
        loss = y[0] * y[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, 400


def median_step(step, steps):
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step().item()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def measure(make):
    """(rushlight µs, PyTorch µs, ratio), each the median over rounds of a round's median step."""
    import torch

    torch.set_num_threads(2)
    ours, steps = make(rushlight)
    theirs, _ = make(torch)
    rows = []
    for _ in range(ROUNDS):
        a, b = median_step(ours, steps), median_step(theirs, steps)
        rows.append((a, b, a / b))
    return tuple(statistics.median(column) for column in zip(*rows[1:]))


def main():
    queue.compile_graph = NoArithmetic
    failed = False
    for make in (tiny_ops, sgd_two_numbers):
        ours, theirs, ratio = measure(make)
        limit = LIMITS[make.__name__]
        failed |= ratio > limit
        print(
            f"{make.__name__:18} rushlight {ours:8.1f} us  PyTorch {theirs:8.1f} us  ratio {ratio:.2f} (limit {limit})"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
