import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

y, p = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.5, 2.0, 3.0])
mse = ((y - p) ** 2).mean()
mae = (y - p).abs().mean()
r2 = 1 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum()
rmse = mse.sqrt()
assert abs(mse.item() - mean_squared_error(y, p)) < 1e-6
assert abs(mae.item() - mean_absolute_error(y, p)) < 1e-6
assert abs(r2.item() - r2_score(y, p)) < 1e-6
assert abs(rmse.item() - mean_squared_error(y, p) ** 0.5) < 1e-6
