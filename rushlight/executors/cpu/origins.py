"""Which nodes of a graph, as it was recorded, the nodes of its rewritten form stand for.

A node that takes the place of others has their origins. A node that a rule made on the way has those of what it was made for:
of the first node that reads it and has any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...graph.node import Node
from ...graph.walk import topological


class Origins:
    """`places`: for each node, the places in `order` of what it stands for. Kept up to date by `follow`."""

    def __init__(self, order: Sequence[Node]) -> None:
        self.places: dict[Node, tuple[int, ...]] = {node: (place,) for place, node in enumerate(order)}

    def follow(self, found: Mapping[Node, Node]) -> None:
        """A pass has replaced nodes by others (`found`, in running order)."""
        known: dict[Node, tuple[int, ...]] = {}
        for old, new in found.items():
            places = self.places.get(old)
            if places is None:
                continue
            have = known.get(new)
            if have is None:
                known[new] = places
            elif old.prim is new.prim and have != places:  # equal nodes have become one
                known[new] = tuple(sorted({*have, *places}))
        # What stood there for a while counts too: it may be gone, but what was made for it is not.
        order = topological(found.values())
        inherited: dict[Node, tuple[int, ...]] = {}
        for node in reversed(order):
            places = known.get(node) or inherited.get(node)
            if places is not None:
                for source in node.inputs:
                    inherited[source] = places
        known = inherited | known
        for node in order:  # what nobody with an origin reads
            if node not in known:
                places = next((known[source] for source in node.inputs if source in known), None)
                if places is not None:
                    known[node] = places
        self.places = known


__all__ = ["Origins"]
