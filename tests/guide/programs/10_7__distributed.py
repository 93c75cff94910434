import torch
import torch.nn as nn

device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def MyModel():
    return nn.Linear(3, 1)


plain = MyModel()
model = nn.parallel.DistributedDataParallel(plain)
model.to(device)
x = torch.ones(2, 3)
assert torch.equal(model(x), plain(x)) and list(model.state_dict()) == ["module.weight", "module.bias"]
model(x).sum().backward()
assert plain.weight.grad.tolist() == [[2, 2, 2]]
