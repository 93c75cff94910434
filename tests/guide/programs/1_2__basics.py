import torch

tensor_from_list = torch.tensor([1, 2, 3])
tensor_from_numpy = torch.tensor([4, 5, 6])
zeros_tensor, ones_tensor = torch.zeros((3, 4)), torch.ones((2, 2))

element = tensor_from_list[1]
sliced_tensor = tensor_from_list[1:3]
shape = tensor_from_list.shape
reshaped_tensor = tensor_from_list.view(1, 3)
transposed_tensor = tensor_from_list.t()
sum_tensor = tensor_from_list + tensor_from_numpy
broadcasted_tensor = tensor_from_list * 2

assert element.dim() == 0 and element.item() == 2 and type(element.item()) is int
assert sliced_tensor.tolist() == [2, 3]
assert isinstance(shape, torch.Size) and isinstance(shape, tuple) and shape == (3,)
assert reshaped_tensor.tolist() == [[1, 2, 3]]
assert transposed_tensor.tolist() == [1, 2, 3]
assert sum_tensor.tolist() == [5, 7, 9] and broadcasted_tensor.tolist() == [2, 4, 6]
tensor_from_list[1] = 20
assert element.item() == 20 and sliced_tensor[0] == 20 and reshaped_tensor[0, 1] == 20 and transposed_tensor[1] == 20

try:
    product_tensor = torch.matmul(zeros_tensor, ones_tensor)
except RuntimeError as error:
    assert "3x4" in str(error) and "2x2" in str(error)
else:
    raise AssertionError("(3, 4) times (2, 2) has to be refused")
assert torch.matmul(zeros_tensor, torch.ones(4, 2)).shape == (3, 2)
