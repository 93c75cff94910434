import torch
import torch.nn as nn

device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def MyModel():
    return nn.Linear(3, 2)


plain = MyModel()
model = nn.DataParallel(plain)
model.to(device)
x = torch.ones(4, 3)
assert torch.equal(model(x), plain(x))
assert list(model.state_dict()) == ["module.weight", "module.bias"] and model.module is plain
