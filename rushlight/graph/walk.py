"""Ordering a graph, and naming it by a key.

Two graphs with one key are the same program on other numbers: a key holds primitives, parameters, shapes, dtypes and
wiring, never a buffer. Nothing is kept for the key while recording; one walk over what is pending makes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .node import CONSTANT, Node


def trace(roots: Iterable[Node]) -> tuple[tuple, list[Node], list[Node]]:
    """(key, inputs, order) of the graph that computes `roots`.

    `inputs` are the computed nodes it reads, in the order the key counts them. `order` holds every node, inputs
    too, each after what it needs.
    """
    index: dict[Node, int] = {}
    signature: list = []
    inputs: list[Node] = []
    order: list[Node] = []
    roots = list(roots)
    for root in roots:
        if root in index:
            continue
        stack = [root]
        while stack:
            node = stack[-1]
            if node in index:
                stack.pop()
                continue
            if node.buffer is not None:
                stack.pop()
                index[node] = len(order)
                order.append(node)
                if node.prim is CONSTANT:
                    signature.append((CONSTANT, node.params[0], node.dtype))
                else:
                    inputs.append(node)
                    signature.append((node.shape, node.dtype))
                continue
            ready = True
            for source in node.inputs:
                if source not in index:
                    stack.append(source)
                    ready = False
            if ready:
                stack.pop()
                index[node] = len(order)
                order.append(node)
                signature.append((node.prim, node.params, node.shape, *[index[i] for i in node.inputs]))
    return (tuple(signature), tuple([index[root] for root in roots])), inputs, order


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
