"""Keys, order and text of graphs; nothing is run here."""

import numpy as np
import pytest

import rushlight
from rushlight.dtypes import float32, float64, int64
from rushlight.graph.check import check
from rushlight.graph.node import constant, of_array, stand_in
from rushlight.graph.rewrite import RULES, simplify
from rushlight.graph.show import show
from rushlight.graph.walk import topological, trace


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
