"""The graph: pure values that never change, and what can be said of them without running anything.

`node` is the value, `registry` what a primitive is, `walk` orders nodes and names a graph by its key, `gradient`
differentiates a graph, `rewrite` simplifies it, `check` re-runs the rules on it, `show` prints it.
"""
