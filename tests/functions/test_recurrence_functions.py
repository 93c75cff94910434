"""Recurrent functions: known steps, sequences of several lengths, gradients, and refusals."""

import math

import pytest

import rushlight as torch

I, H, T, N = 3, 4, 5, 2


def weights(gates, layers=1, directions=1, projection=0, biases=True):
    found = []
    for layer in range(layers):
        for _ in range(directions):
            width = I if layer == 0 else (projection or H) * directions
            found += [torch.randn(gates * H, width), torch.randn(gates * H, projection or H)]
            if biases:
                found += [torch.randn(gates * H), torch.randn(gates * H)]
            if projection:
                found.append(torch.randn(projection, H))
    return found


def zeros(layers=1, n=N, h=H):
    return torch.zeros(layers, n, h)


def test_one_step_of_a_plain_cell():
    x, h = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5]])
    w, u = torch.tensor([[0.1, 0.2]]), torch.tensor([[2.0]])
    assert torch.rnn_tanh_cell(x, h, w, u).item() == pytest.approx(math.tanh(1.5))
    assert torch.rnn_relu_cell(-x, -h, w, u).item() == 0.0


def test_cells_are_layers_of_one_step():
    x = torch.randn(N, I)
    w = weights(4)
    h, c = torch.randn(N, H), torch.randn(N, H)
    new_h, new_c = torch.lstm_cell(x, (h, c), *w)
    out, last_h, last_c = torch.lstm(
        x.unsqueeze(0), (h.unsqueeze(0), c.unsqueeze(0)), w, True, 1, 0.0, False, False, False
    )
    assert (
        torch.allclose(new_h, out[0])
        and torch.allclose(new_h, last_h[0])
        and torch.allclose(new_c, last_c[0])
    )


@pytest.mark.parametrize(("name", "gates"), [("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)])
def test_batch_first_and_directions(name, gates):
    function = getattr(torch, name)
    x = torch.randn(T, N, I)
    w = weights(gates, directions=2)
    out, last = function(x, zeros(2), w, True, 1, 0.0, False, True, False)
    other, _ = function(x.transpose(0, 1), zeros(2), w, True, 1, 0.0, False, True, True)
    assert out.shape == (T, N, 2 * H) and torch.allclose(other.transpose(0, 1), out)
    assert torch.allclose(last[0], out[-1, :, :H]) and torch.allclose(last[1], out[0, :, H:])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_packed_rows_are_each_sequence_by_itself(bidirectional):
    lengths = (4, 2, 1)
    sizes = torch.tensor([3, 2, 1, 1])
    sequences = [torch.randn(n, I) for n in lengths]
    data = torch.cat([torch.stack([s[t] for s in sequences if len(s) > t]) for t in range(4)])
    D = 1 + bidirectional
    w = weights(4, directions=D)
    h, c = torch.randn(D, 3, H), torch.randn(D, 3, H)
    rows, last_h, last_c = torch.lstm(data, sizes, (h, c), w, True, 1, 0.0, False, bidirectional)
    starts = [0, 3, 5, 6]
    for i, s in enumerate(sequences):
        own = (h[:, i : i + 1].contiguous(), c[:, i : i + 1].contiguous())
        out, own_h, own_c = torch.lstm(s.unsqueeze(1), own, w, True, 1, 0.0, False, bidirectional, False)
        found = torch.stack([rows[starts[t] + i] for t in range(len(s))])
        assert torch.allclose(found, out[:, 0], atol=1e-6)
        assert torch.allclose(last_h[:, i], own_h[:, 0], atol=1e-6)
        assert torch.allclose(last_c[:, i], own_c[:, 0], atol=1e-6)


def test_projection_and_missing_biases():
    x = torch.randn(T, N, I)
    out, h, c = torch.lstm(
        x, (zeros(h=2), zeros()), weights(4, projection=2), True, 1, 0.0, False, False, False
    )
    assert out.shape == (T, N, 2) and h.shape == (1, N, 2) and c.shape == (1, N, H)
    out, _ = torch.gru(x, zeros(), weights(3, biases=False), False, 1, 0.0, False, False, False)
    assert out.shape == (T, N, H)


def test_dropout_between_layers_only_while_training():
    x, w, state = torch.randn(T, N, I), weights(3, layers=2), zeros(2)
    calm = torch.gru(x, state, w, True, 2, 0.5, False, False, False)[0]
    assert torch.allclose(calm, torch.gru(x, state, w, True, 2, 0.0, True, False, False)[0])
    assert not torch.allclose(calm, torch.gru(x, state, w, True, 2, 0.5, True, False, False)[0])


def test_empty_batch():
    out, h = torch.gru(torch.randn(T, 0, I), zeros(n=0), weights(3), True, 1, 0.0, False, False, False)
    assert out.shape == (T, 0, H) and h.shape == (1, 0, H)


def test_one_tape_entry_a_layer_and_direction():
    x = torch.randn(T, N, I, requires_grad=True)
    out, _ = torch.gru(x, zeros(), weights(3), True, 1, 0.0, False, False, False)
    met = []
    entry = out.grad_fn
    while entry is not None and entry.name() != "AccumulateGrad":
        met.append(entry.name())
        entry = entry.next_functions[0][0]
    assert met.count("GruBackward0") == 1 and len(met) < 5


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh"])
def test_numerical_gradients(name):
    gates = {"lstm": 4, "gru": 3, "rnn_tanh": 1}[name]
    function = getattr(torch, name)
    w = [p.double().requires_grad_() for p in weights(gates)]
    x = torch.randn(3, N, I, dtype=torch.float64, requires_grad=True)
    states = [zeros().double() + 0.1 for _ in range(2 if name == "lstm" else 1)]

    def loss():
        hx = tuple(states) if name == "lstm" else states[0]
        return (function(x, hx, w, True, 1, 0.0, False, False, False)[0] ** 2).sum()

    loss().backward()
    step = 1e-6
    for p in (x, *w):
        index = (0,) * p.dim()
        with torch.no_grad():
            p[index] += step
            up = loss().item()
            p[index] -= 2 * step
            down = loss().item()
            p[index] += step
        assert p.grad[index].item() == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-8)


X = torch.randn(T, N, I)
REFUSED = [
    (lambda: torch.lstm(X, (zeros(),), weights(4), True, 1, 0.0, False, False, False), "lstm expects two hidden states"),
    (lambda: torch.gru(X[:0], zeros(), weights(3), True, 1, 0.0, False, False, False), "sequence length to be larger than 0"),
    (lambda: torch.gru(X, zeros(), weights(3)[:2], True, 1, 0.0, False, False, False), "got an incorrect number of RNN parameters"),
    (lambda: torch.gru(torch.randn(T, N, I + 1), zeros(), weights(3), True, 1, 0.0, False, False, False), "mat1 and mat2 shapes cannot be multiplied"),
    (lambda: torch.gru(X, zeros(n=3), weights(3), True, 1, 0.0, False, False, False), "expected hidden states of 1"),
    (lambda: torch.gru(X.double(), zeros().double(), weights(3), True, 1, 0.0, False, False, False), "mat1 and mat2 must have the same dtype"),
    (lambda: torch.gru(X[:, 0], torch.tensor([1, 3, 1]), zeros(n=1), weights(3), True, 1, 0.0, False, False), "batch_sizes has to be positive and not to increase"),
    (lambda: torch.gru(X[:, 0], torch.tensor([4, 4]), zeros(n=4), weights(3), True, 1, 0.0, False, False), "need 8 rows, data has 5"),
    (lambda: torch.gru_cell(torch.randn(2, I + 1), torch.zeros(2, H), *weights(3)), "input has inconsistent input_size: got 4 expected 3"),
    (lambda: torch.gru_cell(torch.randn(2, I), torch.zeros(3, H), *weights(3)), "Input batch size 2 doesn't match hidden0 batch size 3"),
    (lambda: torch.gru_cell(torch.randn(2, I), torch.zeros(2, H + 1), *weights(3)), "hidden0 has inconsistent hidden_size: got 5, expected 4"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "says"), REFUSED)
def test_refused(call, says):
    with pytest.raises(RuntimeError) as caught:
        call()
    assert says in str(caught.value)
