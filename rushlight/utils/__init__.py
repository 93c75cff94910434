"""The rooms of PyTorch's `torch.utils`: thin modules that hand names on from where they live."""
