import torch
import torch.nn as nn

device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
model = nn.Linear(3, 2).to(device)
torch.save(model.state_dict(), 'model.pth')
other = nn.Linear(3, 2)
other.load_state_dict(torch.load('model.pth'))
other.to(device)
assert torch.equal(model.weight, other.weight) and other.weight.device == model.weight.device
