"""`torch.nn.functional`: names handed on from functions/, where the computations live.

Public names only; nothing is computed here.
"""


# ---- activations, losses, norms, dropout, embedding, distances

# ---- convolution, pooling, padding, resampling, attention, recurrence
