"""PyTorch's paths of the benchmark's parts."""
