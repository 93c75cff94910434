"""Ordering a graph, and naming it by a key.

Two graphs with one key are the same program on other numbers: a key holds primitives, parameters, shapes, dtypes and
wiring, never a buffer. Nothing is kept for the key while recording; one walk over what is pending makes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .node import CONSTANT, Node


def trace(roots: Iterable[Node], given: Collection[Node] = ()) -> tuple[tuple, list[Node], list[Node]]:
    """(key, inputs, order) of the graph that computes `roots`.

    `inputs` are the computed nodes it reads, in the order the key counts them, and those of `given`, which will have
    been computed when the graph runs. `order` holds every node, inputs too, each after what it needs.
    """
    index: dict[Node, int] = {}  # insertion order is the running order
    signature: list = []
    inputs: list[Node] = []
    roots = list(roots)
    stack: list[Node] = []
    push, pop = stack.append, stack.pop
    for root in roots:
        push(root)
        while stack:
            node = stack[-1]
            if node in index:
                pop()
                continue
            if node.buffer is not None or given and node in given:
                pop()
                index[node] = len(index)
                if node.prim is CONSTANT:
                    signature.append((node.params[0], node.dtype))
                else:
                    inputs.append(node)
                    signature.append((node.shape, node.dtype))
                continue
            sources = node.inputs
            ready = True
            for source in sources:
                if source not in index:
                    push(source)
                    ready = False
            if ready:
                pop()
                index[node] = len(index)
                signature.append((node.prim, node.params, node.shape, *[index[i] for i in sources]))
    return (tuple(signature), tuple([index[root] for root in roots])), inputs, list(index)


def topological(roots: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """The nodes that `roots` are made of, each after its inputs; nothing below a node of `stop` or a computed one."""
    seen: set[Node] = set()
    order: list[Node] = []
    stop = set(stop)
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
                continue
            if node in seen:
                continue
            seen.add(node)
            stack.append((node, True))
            if node not in stop:
                stack.extend((source, False) for source in reversed(node.inputs) if source not in seen)
    return order
