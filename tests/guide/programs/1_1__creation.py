import numpy as np
import torch

tensor_from_list = torch.tensor([1, 2, 3])
numpy_array = np.array([4, 5, 6])
tensor_from_numpy = torch.tensor(numpy_array)
zeros_tensor = torch.zeros((3, 4))
ones_tensor = torch.ones((2, 2))
range_tensor = torch.arange(0, 10, 2)
uniform_tensor = torch.rand((3, 3))
normal_tensor = torch.randn((2, 2))
uninitialized_tensor = torch.empty((2, 2))
like_tensor = torch.ones_like(zeros_tensor)

assert tensor_from_list.dtype == torch.int64 and range_tensor.dtype == torch.int64
assert range_tensor.tolist() == [0, 2, 4, 6, 8]
assert zeros_tensor.shape == (3, 4) and zeros_tensor.dtype == torch.float32
assert like_tensor.shape == (3, 4) and like_tensor.sum() == 12
assert torch.zeros_like(ones_tensor).tolist() == [[0, 0], [0, 0]]
assert torch.rand_like(ones_tensor).shape == (2, 2)
assert torch.tensor([1.0]).dtype == torch.float32
assert torch.tensor(np.array([1.0])).dtype == torch.float64
numpy_array[0] = 99
assert tensor_from_numpy[0] == 4  # torch.tensor copies
assert uniform_tensor.min() >= 0 and uniform_tensor.max() < 1
assert uninitialized_tensor.shape == (2, 2) and normal_tensor.shape == (2, 2)

torch.manual_seed(3)
first = torch.rand(5)
torch.manual_seed(3)
assert torch.equal(first, torch.rand(5))
torch.manual_seed(0)
assert torch.allclose(torch.rand(2), torch.tensor([0.4963, 0.7682]), atol=1e-4)
assert abs(torch.randn(10000).mean().item()) < 0.05 and abs(torch.randn(10000).std().item() - 1) < 0.05
