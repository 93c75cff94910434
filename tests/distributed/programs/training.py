"""DistributedDataParallel on two ranks or more against the whole batch; ends with 'training holds' on each rank."""

import copy

import rushlight as torch
import rushlight.distributed as dist
from rushlight import nn
from rushlight.distributed.algorithms.ddp_comm_hooks import default_hooks
from rushlight.distributed.optim import ZeroRedundancyOptimizer

dist.init_process_group()
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
inputs, targets = torch.randn(4 * size, 5), torch.randn(4 * size, 1)
share = slice(4 * rank, 4 * rank + 4)
DDP = nn.parallel.DistributedDataParallel


def make(seed, norm=None):
    torch.manual_seed(seed)
    middle = norm(7) if norm is not None else nn.Identity()
    return nn.Sequential(nn.Linear(5, 7), middle, nn.Tanh(), nn.Linear(7, 1))


def difference(a, b):
    return max(
        (p.grad - q.grad).abs().max().item() for p, q in zip(a.parameters(), b.parameters(), strict=True)
    )


def loss_of(model, part):
    return ((model(inputs[part]) - targets[part]) ** 2).mean()


def train(model, reference, steps=3, optimizer_class=torch.optim.SGD, **options):
    """Steps of both, whose gradients stay equal."""
    optimizers = [optimizer_class(m.parameters(), lr=0.1, **options) for m in (model, reference)]
    for _ in range(steps):
        for optimizer, m, part in zip(optimizers, (model, reference), (share, slice(None)), strict=True):
            optimizer.zero_grad()
            loss_of(m, part).backward()
        assert difference(model, reference) < 1e-6, difference(model, reference)
        for optimizer in optimizers:
            optimizer.step()


# Rank 0's weights are spread; gradients are those of the whole batch, in one bucket and in several.
for cap in (25, 1e-5):
    model, reference = DDP(make(rank + 1), bucket_cap_mb=cap), make(1)
    assert list(model.state_dict())[0] == "module.0.weight"
    for p, q in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.equal(p, q)
    train(model, reference, momentum=0.9)
assert len(model.reducer.buckets) > 1
half = DDP(make(1).to(torch.bfloat16))
half(inputs[share].to(torch.bfloat16)).sum().backward()
assert half.module[0].weight.grad.dtype is torch.bfloat16

# Gradients added up without sending, then averaged.
model.zero_grad()
reference.zero_grad()
with model.no_sync():
    loss_of(model, share).backward()
local = model.module[0].weight.grad.clone()
loss_of(model, share).backward()
for _ in range(2):
    loss_of(reference, slice(None)).backward()
assert difference(model, reference) < 1e-6 and not torch.equal(local * 2, model.module[0].weight.grad)

# Batch statistics: rank 0's running ones are spread; SyncBatchNorm's are those of the whole batch.
plain = DDP(make(1, nn.BatchNorm1d))
for _ in range(2):
    loss_of(plain, share).backward()
plain.eval()
plain(inputs[share])  # spreads the buffers
everyone = [None] * size
dist.all_gather_object(everyone, plain.module[1].running_mean.tolist())
assert everyone == [everyone[0]] * size
synchronized = DDP(nn.SyncBatchNorm.convert_sync_batchnorm(make(1, nn.BatchNorm1d)))
whole = make(1, nn.BatchNorm1d)
train(synchronized, whole)
assert torch.allclose(synchronized.module[1].running_var, whole[1].running_var, atol=1e-6)


# Parameters that take no part, differently on each rank.
class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([nn.Linear(2, 1, bias=False) for _ in range(3)])

    def forward(self, x, which):
        return self.parts[which](x)


branches = DDP(Branches(), find_unused_parameters=True)
for step in range(2):
    branches.zero_grad()
    branches(torch.ones(1, 2), (min(rank, 1) + step) % 2).sum().backward()
    first, second, third = (part.weight.grad for part in branches.module.parts)
    shares = [1 / size, (size - 1) / size] if step == 0 else [(size - 1) / size, 1 / size]
    assert torch.allclose(first, torch.full((1, 2), shares[0])) and third is None
    assert torch.allclose(second, torch.full((1, 2), shares[1]))
strict = DDP(Branches())
strict(torch.ones(1, 2), 0).sum().backward()
try:
    strict(torch.ones(1, 2), 0)
    raise AssertionError("no error")
except RuntimeError as error:
    assert "finished reduction" in str(error) and "parts.1.weight, parts.2.weight" in str(error)
    assert "find_unused_parameters=True" in str(error)

# Different numbers of batches.
uneven = DDP(nn.Linear(2, 1))
steps = 0
with uneven.join():
    for _ in range(2 + rank):
        uneven.zero_grad()
        uneven(torch.ones(1, 2)).sum().backward()
        steps += 1
assert steps == 2 + rank
if rank == size - 1 and size == 2:
    assert torch.allclose(uneven.module.weight.grad, torch.full((1, 2), 0.5))

# Communication hooks, and an optimizer whose state is spread.
hooked, reference = DDP(make(1)), make(1)
hooked.register_comm_hook(None, default_hooks.bf16_compress_hook)
loss_of(hooked, share).backward()
loss_of(reference, slice(None)).backward()
assert 0 < difference(hooked, reference) < 0.05
spread, ordinary = DDP(make(1)), DDP(make(1))
optimizers = [
    ZeroRedundancyOptimizer(spread.parameters(), torch.optim.Adam, lr=0.1),
    torch.optim.Adam(ordinary.parameters(), lr=0.1),
]
for _ in range(2):
    for optimizer, m in zip(optimizers, (spread, ordinary), strict=True):
        optimizer.zero_grad()
        loss_of(m, share).backward()
        optimizer.step()
for p, q in zip(spread.parameters(), ordinary.parameters(), strict=True):
    assert torch.allclose(p, q, atol=1e-7)
assert len(optimizers[0].optim.state) < 4
optimizers[0].consolidate_state_dict(0)
if rank == 0:
    assert sorted(optimizers[0].state_dict()["state"]) == sorted(optimizers[1].state_dict()["state"])

# Modules that differ between ranks are named.
try:
    DDP(nn.Linear(2 + rank, 1))
    raise AssertionError("no error")
except RuntimeError as error:
    assert "float32[1, 2] on rank 0" in str(error) and "float32[1, 3]" in str(error)
assert copy.deepcopy(model).module[0].weight.shape == (7, 5)
dist.destroy_process_group()
print(f"rank {rank}: training holds", flush=True)
