import torch
from sklearn.metrics import confusion_matrix

labels, predicted = torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0])
conf_matrix = confusion_matrix(labels, predicted)
assert conf_matrix.tolist() == [[0, 1], [1, 1]]
