import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 32)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(32, 2)
        self.note = "kept"

    def forward(self, x):
        return self.out(self.drop(self.fc(x)))


model = Net()
with torch.no_grad():
    model.fc.weight.fill_(0.123456)
torch.save(model, 'model_structure.pth', save_model_obj=False)
with open('model_structure.pth', 'rb') as file:
    content = file.read()
assert model.fc.weight.detach().numpy().tobytes()[:64] not in content
loaded_model_structure = torch.load('model_structure.pth')
assert type(loaded_model_structure) is Net and loaded_model_structure.note == "kept"
assert loaded_model_structure.drop.p == 0.3 and loaded_model_structure.fc.weight.shape == (32, 64)
assert not torch.equal(loaded_model_structure.fc.weight, model.fc.weight)
loaded_model_structure(torch.ones(1, 64)).sum().backward()
assert loaded_model_structure.fc.weight.grad is not None
loaded_model_structure.load_state_dict(model.state_dict())
assert torch.equal(loaded_model_structure.fc.weight, model.fc.weight)
