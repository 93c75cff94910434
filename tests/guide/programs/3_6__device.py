import torch
import torch.nn as nn

model = nn.Linear(2, 3)
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
assert model.to(device) is model
assert str(device) == "cpu"
assert model.weight.device == device
