import numpy as np
import torch

array = np.arange(6.0).reshape(2, 3)
shared = torch.from_numpy(array)
array[0, 0] = 100
assert shared[0, 0].item() == 100
shared[1, 2] = -1
assert array[1, 2] == -1

t = torch.ones(3)
seen = t.numpy()
t.mul_(2)
assert seen.tolist() == [2, 2, 2]
seen[0] = 7
assert t.tolist() == [7, 2, 2]
assert np.asarray(t).tolist() == [7, 2, 2]

try:
    torch.ones(1, requires_grad=True).numpy()
except RuntimeError as error:
    assert "detach" in str(error)
else:
    raise AssertionError("numpy() of a tensor that requires grad has to be refused")
