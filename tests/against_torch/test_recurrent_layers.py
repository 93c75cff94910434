"""nn.LSTM, nn.GRU and nn.RNN against PyTorch: results, gradients, and gradients of gradients, in every arrangement."""

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")

LAYERS = {
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {}),
    "RNN": ("RNN", {}),
    "RNN of relu": ("RNN", {"nonlinearity": "relu"}),
    "projected LSTM": ("LSTM", {"proj_size": 2}),
}
ARRANGEMENTS = [
    # bidirectional, batch_first, packed, layers, bias, states given
    (False, False, False, 1, True, True),
    (True, True, False, 2, False, False),
    (True, False, True, 1, True, True),
    (False, True, True, 2, True, False),
]
T, B, I, H = 4, 3, 4, 7


def everything(library, layer, arrangement, seed):
    """Output, last states, their gradients in all there is, and the gradients of the sum of those squared."""
    name, kw = LAYERS[layer]
    bidirectional, batch_first, packed, layers, bias, given = arrangement
    rng = np.random.default_rng(seed)

    def tensor(*shape, grad=False):
        return library.tensor(rng.uniform(-0.6, 0.6, shape), requires_grad=grad)

    model = getattr(library.nn, name)(
        I, H, layers, bias=bias, batch_first=batch_first, bidirectional=bidirectional, **kw
    ).double()
    with library.no_grad():
        for p in model.parameters():
            p.copy_(tensor(*p.shape))
    x = tensor(*((B, T, I) if batch_first else (T, B, I)), grad=True)
    widths = [kw.get("proj_size", H), H] if name == "LSTM" else [H]
    states = [tensor(layers * (1 + bidirectional), B, width, grad=True) for width in widths]
    hx = (tuple(states) if name == "LSTM" else states[0]) if given else None
    pack = library.nn.utils.rnn.pack_padded_sequence
    out, last = model(pack(x, [4, 2, 1], batch_first=batch_first) if packed else x, hx)
    found = [out.data if packed else out, *(last if name == "LSTM" else [last])]
    loss = sum((o * tensor(*o.shape)).sum() for o in found)
    sources = [x, *(states if given else []), *model.parameters()]
    grads = library.autograd.grad(loss, sources, create_graph=True)
    second = library.autograd.grad(sum((g**2).sum() for g in grads), sources)
    return [v.detach().numpy() for v in (*found, *grads, *second)]


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("layer", LAYERS)
def test_both_orders_of_gradients(layer, arrangement):
    wanted = everything(torch, layer, arrangement, 1)
    found = everything(rushlight, layer, arrangement, 1)
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("layer", LAYERS)
def test_a_batch_of_many_sequences_in_single_precision(layer):
    name, kw = LAYERS[layer]
    rng = np.random.default_rng(2)
    x = rng.standard_normal((20, 9, I)).astype(np.float32)
    results = []
    weights = None
    for library in (torch, rushlight):
        model = getattr(library.nn, name)(I, 33, batch_first=True, **kw)
        if weights is None:
            weights = {k: v.numpy() for k, v in model.state_dict().items()}
        model.load_state_dict({k: library.tensor(v) for k, v in weights.items()})
        for _ in range(3):  # later runs are native
            model.zero_grad()
            out = model(library.tensor(x))[0]
            (out * out).sum().backward()
            kept = [out.detach().numpy(), *(p.grad.numpy() for p in model.parameters())]
        results.append(kept)
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-4)
