"""Keys, order and text of graphs; nothing is run here."""

import numpy as np
import pytest

import rushlight
from rushlight.dtypes import float32, float64, int64
from rushlight.graph.check import check
from rushlight.graph.node import PRIMITIVES, constant, of_array, stand_in
from rushlight.graph.rewrite import RULES, simplify
from rushlight.graph.show import show
from rushlight.graph.walk import key_of, ordered, topological, trace


def leaf(values=(1.0, 2.0), dtype=float32):
    return of_array(np.array(values, dtype=dtype.numpy), dtype)


def build(x):
    return ((x * 2 + 1).exp()).sum((0,), False)


def test_graphs_of_other_numbers_have_one_key():
    a, b = leaf(), leaf((5.0, 6.0))
    key_a, inputs, order = trace([build(a)])
    key_b, _, _ = trace([build(b)])
    assert key_a == key_b and hash(key_a) == hash(key_b)
    assert inputs == [a] and order[-1].prim.name == "sum"


@pytest.mark.parametrize("other", [leaf((1.0, 2.0, 3.0)), leaf(dtype=float64)])
def test_shapes_and_dtypes_are_in_the_key(other):
    assert trace([build(leaf())])[0] != trace([build(other)])[0]


def test_constants_are_in_the_key_and_interned():
    x = leaf()
    assert trace([x * 2])[0] != trace([x * 3])[0]
    assert constant(2, float32) is constant(2.0, float32)
    assert constant(0.0, float32) is not constant(-0.0, float32)
    assert constant(float("nan"), float32) is constant(float("nan"), float32)
    assert constant(300, rushlight.uint8).buffer == 44


def test_zeros_are_told_apart_by_their_sign_alone():
    assert constant(0, float32) is constant(0.0, float32) is constant(False, float32)
    assert not np.signbit(constant(0, float32).buffer) and np.signbit(constant(-0.0, float32).buffer)
    assert constant(0, float32) is not constant(0, float64)


def concat(*parts):
    return PRIMITIVES["concat"](parts, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x, y: [x * x], lambda x, y: [x * y]),
        (lambda x, y: [x + x * y], lambda x, y: [y + x * y]),
        (lambda x, y: [x - y, x], lambda x, y: [x - y]),
        (lambda x, y: [x - y, y - x], lambda x, y: [y - x, y - x + 0]),
        (lambda x, y: [concat(x, y)], lambda x, y: [concat(x, y, y)]),
        (lambda x, y: [concat(x, x + 1)], lambda x, y: [concat(x, x) + 1]),
        (lambda x, y: [x.sum((0,), True)], lambda x, y: [x.sum((0,), False)]),
        (lambda x, y: [x.exp().exp()], lambda x, y: [x.exp(), x.exp().exp()]),
    ],
)
def test_wiring_and_parameters_are_in_the_key(one, other):
    for dtype in (float32, int64):
        x, y = leaf(dtype=dtype), leaf((3.0, 4.0), dtype)
        assert key_of(one(x, y))[0] != key_of(other(x, y))[0]
        assert key_of(one(x, y))[0] == key_of(one(y, x))[0]


def random_graph(rng):
    """A few nodes on two inputs and two constants: so few that equal graphs come up often."""
    nodes = [leaf(), leaf()]
    for _ in range(rng.integers(1, 5)):
        a = nodes[rng.integers(len(nodes))]
        b = nodes[rng.integers(len(nodes))] if rng.random() < 0.7 else int(rng.integers(1, 3))
        nodes.append([a + b, a * b, a.neg(), a.exp()][rng.integers(4)])
    return [nodes[-1]] if rng.random() < 0.7 else [nodes[-1], nodes[-2]]


def description(roots):
    """The graph written out in full: what a key has to say, in another way."""
    names = {}

    def text(node):
        if node in names:
            return names[node]
        if node.buffer is not None and node.prim.name == "constant":
            return f"{node.params[0]}:{node.dtype}"
        parts = ",".join(map(text, node.inputs))
        names[node] = f"%{len(names)}"
        return f"{names[node]}={node.prim.name}({parts}){node.dtype}{node.shape}"

    return [text(root) for root in dict.fromkeys(roots)]


def test_two_graphs_have_one_key_exactly_when_they_are_alike():
    rng = np.random.default_rng(0)
    by_key, by_description = {}, {}
    for _ in range(3000):
        roots = list(dict.fromkeys(random_graph(rng)))
        key, inputs = key_of(roots)
        order = ordered(roots)
        assert set(inputs) == {n for n in order if n.buffer is not None and n.prim.name == "buffer"}
        said = tuple(description(roots))
        assert by_key.setdefault(key, said) == said
        assert by_description.setdefault(said, key) == key
    assert 100 < len(by_key) < 2500


def test_what_is_given_is_an_input_and_not_looked_into():
    x = leaf()
    middle = x.exp()
    root = middle * 2
    key, inputs = key_of([root], {middle})
    assert inputs == [middle] and x not in ordered([root], {middle})
    assert key == key_of([leaf() * 2])[0] != key_of([root])[0]


def test_order_puts_inputs_first():
    x = leaf()
    y = x * x
    z = y + y.exp()
    order = topological([z])
    assert [order.index(n) for n in (x, y, z)] == sorted(order.index(n) for n in (x, y, z))
    check(order)


def test_check_names_a_node_that_breaks_its_rules():
    x = leaf()
    y = x * x
    y.shape = (3,)
    with pytest.raises(AssertionError, match="should be"):
        check(topological([y]))


def test_text_names_every_node():
    x = leaf()
    text = show([build(x)])
    assert text.splitlines()[0] == "%0 = buffer float32[2]"
    assert "mul(%0, %1) float32[2]" in text
    assert text.splitlines()[-1].startswith("-> %")


def test_misfits_are_errors_where_they_are_made():
    with pytest.raises(RuntimeError, match="non-singleton dimension 0"):
        leaf() + leaf((1.0, 2.0, 3.0))
    with pytest.raises(RuntimeError, match="one dtype"):
        leaf() + leaf(dtype=float64)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x * 1, lambda x: x),
        (lambda x: x.neg().neg(), lambda x: x),
        (lambda x: x.reshape((2, 1)).reshape((1, 2)), lambda x: x.reshape((1, 2))),
        (lambda x: x.reshape((1, 2)).permute((1, 0)).permute((1, 0)), lambda x: x.reshape((1, 2))),
        (lambda x: x.cast(float32), lambda x: x),
    ],
)
def test_rewrites(make, expected):
    x = leaf()
    (got,) = simplify([make(x)])
    (want,) = simplify([expected(x)])
    assert show([got]) == show([want])


def test_equal_nodes_become_one():
    x = leaf()
    (got,) = simplify([x.exp() + x.exp()])
    assert got.inputs[0] is got.inputs[1]


def test_every_rewrite_says_why():
    assert all(rule.reason for rule in RULES)


def test_stand_ins_have_a_shape_and_no_value():
    assert stand_in((2,), int64) is stand_in((2,), int64)
    assert stand_in((2,), int64).buffer is None
