"""torch.utils: timers, swaps, locks, and names that say what cannot be done."""

import pytest

import rushlight as torch
from rushlight.utils import benchmark, collect_env, cpp_extension, file_baton, flop_counter


def test_timer_and_compare():
    results = []
    for n in (1, 2):
        t = benchmark.Timer(
            "x + 1", globals={"x": torch.ones(n)}, label="add", sub_label=f"n={n}", description="plus"
        )
        results.append(t.timeit(3))
        results.append(t.blocked_autorange(min_run_time=0.001))
    assert results[0].median > 0 and results[1].label == "add"
    compare = benchmark.Compare(results)
    compare.trim_significant_figures()
    compare.colorize()
    text = str(compare)
    assert "n=1" in text and "plus" in text and "Times are in" in text
    assert "Measurement" in repr(results[1])
    assert t.adaptive_autorange(max_run_time=0.01).number_per_run >= 1


def test_swap_tensors():
    a, b = torch.ones(2, requires_grad=True), torch.zeros(3)
    a.note = 1
    keep = a
    torch.utils.swap_tensors(a, b)
    assert keep is a and a.tolist() == [0.0] * 3 and b.note == 1
    (b * 2).sum().backward()
    assert b.grad.tolist() == [2.0, 2.0] and a.grad is None
    p, t = torch.nn.Parameter(torch.ones(1)), torch.zeros(1)
    torch.utils.swap_tensors(p, t)
    assert isinstance(t, torch.nn.Parameter) and type(p) is torch.Tensor


def test_flops():
    layer = torch.nn.Conv2d(3, 4, 3, bias=False)
    with flop_counter.FlopCounterMode(display=False) as counter:
        layer(torch.ones(1, 3, 5, 5))
    assert counter.get_total_flops() == 2 * (4 * 3 * 3) * (3 * 3 * 3)
    assert "Global" in counter.get_table()


def test_no_compiler_here():
    with pytest.raises(NotImplementedError, match="no compiler"):
        cpp_extension.load("x", ["x.cpp"])
    with pytest.raises(NotImplementedError, match="no compiler"):
        cpp_extension.CUDAExtension("x", [])
    assert cpp_extension.CUDA_HOME is None


def test_environment_and_lock(tmp_path):
    assert "rushlight" in collect_env.get_pretty_env_info()
    baton = file_baton.FileBaton(str(tmp_path / "lock"))
    assert baton.try_acquire() and not file_baton.FileBaton(str(tmp_path / "lock")).try_acquire()
    baton.release()
    baton.wait()
