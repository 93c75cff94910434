import torch
import torch.nn as nn


class SimpleModel(nn.Module):
    def __init__(self):
        super(SimpleModel, self).__init__()
        self.fc = nn.Linear(10, 1)


model = SimpleModel()
torch.save(model.state_dict(), 'model_state.pth')
torch.save(model, 'model.pth')

loaded_state_dict = torch.load('model_state.pth')
model.load_state_dict(loaded_state_dict)
loaded_model = torch.load('model.pth')
assert type(loaded_model) is SimpleModel and loaded_model is not model
for a, b in zip(model.parameters(), loaded_model.parameters()):
    assert torch.equal(a, b) and b.requires_grad and isinstance(b, nn.Parameter)
loaded_model.fc(torch.ones(1, 10)).sum().backward()
optimizer = torch.optim.SGD(loaded_model.parameters(), lr=0.1)
optimizer.step()
assert not torch.equal(model.fc.weight, loaded_model.fc.weight)
