import torch
import torch.nn as nn


class SimpleLayer(nn.Module):
    def __init__(self, input_size, output_size):
        super(SimpleLayer, self).__init__()
        self.linear = nn.Linear(input_size, output_size)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.linear(x)
        x = self.relu(x)
        return x


class MLP(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(MLP, self).__init__()
        self.layer1 = SimpleLayer(input_size, hidden_size)
        self.layer2 = SimpleLayer(hidden_size, output_size)

    def forward(self, x):
        x = self.layer1(x)
        x = self.layer2(x)
        return x


class ComplexModel(nn.Module):
    def __init__(self):
        super(ComplexModel, self).__init__()
        self.layer1 = SimpleLayer(10, 20)
        self.layer2 = MLP(20, 30, 5)

    def forward(self, x):
        x = self.layer1(x)
        x = self.layer2(x)
        return x


model = ComplexModel()
torch.save(model.state_dict(), 'model.pth')
loaded_model = ComplexModel()
loaded_model.load_state_dict(torch.load('model.pth'))
for a, b in zip(model.parameters(), loaded_model.parameters()):
    assert torch.equal(a, b)
with torch.no_grad():
    model.layer1.linear.bias.fill_(3)
assert not torch.equal(model.layer1.linear.bias, loaded_model.layer1.linear.bias)

state = model.state_dict()
state["extra"] = torch.ones(1)
del state["layer1.linear.bias"]
state["layer1.linear.weight"] = torch.ones(2, 2)
try:
    loaded_model.load_state_dict(state)
except RuntimeError as error:
    text = str(error)
    assert "layer1.linear.bias" in text and "extra" in text and "[2, 2]" in text and "[20, 10]" in text
else:
    raise AssertionError("a misfit has to be refused")
