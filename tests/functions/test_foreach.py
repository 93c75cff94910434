"""torch._foreach_*: lists against the same functions one by one."""

import pytest

import rushlight as torch


def lists(tensors):
    return [t.tolist() for t in tensors]


def test_functions_of_lists_numbers_and_one_number():
    x = [torch.ones(2), torch.full((1,), 4.0)]
    assert lists(torch._foreach_add(x, 1)) == [[2.0, 2.0], [5.0]]
    assert lists(torch._foreach_add(x, x, alpha=2)) == [[3.0, 3.0], [12.0]]
    assert lists(torch._foreach_mul(x, [2, 3])) == [[2.0, 2.0], [12.0]]
    assert lists(torch._foreach_div(x, torch.tensor(2.0))) == [[0.5, 0.5], [2.0]]
    assert lists(torch._foreach_sqrt(x)) == [[1.0, 1.0], [2.0]]
    assert lists(torch._foreach_pow(2.0, x)) == [[2.0, 2.0], [16.0]]
    assert lists(torch._foreach_maximum(x, 2.0)) == [[2.0, 2.0], [4.0]]
    assert lists(torch._foreach_addcdiv(x, x, x, [1, 2])) == [[2.0, 2.0], [6.0]]
    assert lists(torch._foreach_lerp(x, [torch.zeros(2), torch.zeros(1)], 0.5)) == [[0.5, 0.5], [2.0]]
    assert [n.item() for n in torch._foreach_norm(x)] == pytest.approx([2**0.5, 4.0])
    assert type(torch._foreach_neg(x)) is tuple


def test_in_place_forms_write_and_give_the_list():
    x = [torch.ones(2), torch.full((1,), 4.0)]
    assert torch._foreach_mul_(x, 2.0) is x and lists(x) == [[2.0, 2.0], [8.0]]
    torch._foreach_addcmul_(x, x, x, value=0.5)
    assert lists(x) == [[4.0, 4.0], [40.0]]
    torch._foreach_minimum_(x, [torch.zeros(2), torch.ones(1)])
    assert lists(x) == [[0.0, 0.0], [1.0]]
    torch._foreach_copy_(x, [torch.ones(2), torch.zeros(1)])
    torch._foreach_pow_(x, 2)
    assert lists(x) == [[1.0, 1.0], [0.0]]
    torch._foreach_zero_(x)
    assert lists(x) == [[0.0, 0.0], [0.0]]


def test_errors():
    with pytest.raises(RuntimeError, match="same number of tensors, got 2 and 1"):
        torch._foreach_add([torch.ones(1)] * 2, [torch.ones(1)])
    with pytest.raises(RuntimeError, match="at least one tensor"):
        torch._foreach_add([], 1)
