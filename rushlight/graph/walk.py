"""Ordering a graph, and naming it by a key.

Two graphs with one key are the same program on other numbers: a key holds primitives, parameters, wiring and the shapes
and dtypes of inputs, never a buffer. Nothing is kept for the key while recording; one walk over what is pending makes it.
The order is worked out only for a graph whose program is not known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .node import CONSTANT, Node


def key_of(roots: Iterable[Node], given: Collection[Node] = ()) -> tuple[tuple, list[Node]]:
    """(key, inputs) of the graph that computes `roots`, no two of which are one.

    `inputs` are the computed nodes it reads, in the order the key counts them, and those of `given`, which will have
    been computed when the graph runs.

    Nodes are numbered as they are met, roots first. A key is flat: how many roots, then for each node in turn its
    primitive, parameters and the numbers of its inputs, or, where nothing is to be computed, its dtype and its sizes or
    value. Sizes and dtypes of what is computed follow from that.
    """
    order = list(roots)
    key: list = [len(order)]
    inputs: list[Node] = []
    numbers = {node: number for number, node in enumerate(order)}
    number_of, add, meet = numbers.setdefault, key.append, order.append
    met = len(order)
    for node in order:  # it grows meanwhile
        if node.buffer is None and (not given or node not in given):
            add(node.prim)
            add(node.params)
            for source in node.inputs:
                number = number_of(source, met)
                if number == met:
                    meet(source)
                    met += 1
                add(number)
            if not node.inputs:  # a stand-in
                key += (node.dtype, node.shape)
            continue
        add(node.dtype)
        if node.prim is CONSTANT:
            add(node.params[0])
        else:
            add(node.shape)
            inputs.append(node)
    return tuple(key), inputs


def ordered(roots: Iterable[Node], given: Collection[Node] = ()) -> list[Node]:
    """Every node of the graph that computes `roots`, inputs too, each after what it needs."""
    placed: dict[Node, None] = {}  # insertion order is the running order
    stack: list[Node] = []
    push, pop = stack.append, stack.pop
    for root in roots:
        push(root)
        while stack:
            node = stack[-1]
            if node in placed:
                pop()
                continue
            ready = True
            if node.buffer is None and node not in given:
                for source in node.inputs:
                    if source not in placed:
                        push(source)
                        ready = False
            if ready:
                pop()
                placed[node] = None
    return list(placed)


def trace(roots: Iterable[Node], given: Collection[Node] = ()) -> tuple[tuple, list[Node], list[Node]]:
    """(key, inputs, order): `key_of` and `ordered` together, for who is going to make the program anyway."""
    roots = list(roots)
    return *key_of(roots, given), ordered(roots, given)


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
