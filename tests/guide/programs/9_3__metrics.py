import torch

labels, predicted = torch.tensor([0, 1, 2, 2, 1, 0]), torch.tensor([0, 2, 2, 2, 1, 1])
correct = (predicted == labels).sum().item()
total = labels.size(0)
accuracy = correct / total
assert correct == 4 and type(correct) is int and type(total) is int and accuracy == 4 / 6

from sklearn.metrics import precision_score
precision = precision_score(labels, predicted, average='weighted')
from sklearn.metrics import recall_score
recall = recall_score(labels, predicted, average='weighted')
from sklearn.metrics import f1_score
f1 = f1_score(labels, predicted, average='weighted')
a, b = labels.tolist(), predicted.tolist()
assert precision == precision_score(a, b, average='weighted')
assert recall == recall_score(a, b, average='weighted') and f1 == f1_score(a, b, average='weighted')
