"""Every collective between two ranks or more; ends with 'all collectives hold' on each rank."""

import numpy as np

import rushlight as torch
import rushlight.distributed as dist
from rushlight.distributed import ReduceOp
from rushlight.distributed.nn import functional

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
everyone = range(size)
assert dist.get_backend() == "gloo" and dist.get_process_group_ranks() == list(everyone)


def same(tensor, expected):
    expected = np.asarray(expected)
    found = np.asarray(tensor.detach().float().numpy() if tensor.is_floating_point() else tensor.numpy())
    assert found.shape == expected.shape and np.allclose(found, expected), (rank, found, expected)


# Reductions, by dtype and operation.
base = np.arange(6).reshape(2, 3)
parts = [base + 10 * r for r in everyone]
for dtype in (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
):
    for op, combine in (
        (ReduceOp.SUM, np.add),
        (ReduceOp.MAX, np.maximum),
        (ReduceOp.MIN, np.minimum),
        (ReduceOp.PRODUCT, np.multiply),
    ):
        if dtype is torch.uint8 and op is ReduceOp.PRODUCT:
            continue  # overflows
        x = torch.tensor(parts[rank]).to(dtype)
        dist.all_reduce(x, op)
        assert x.dtype is dtype
        same(x, combine.reduce(parts))
x = torch.tensor(parts[rank], dtype=torch.float32)
dist.all_reduce(x, ReduceOp.AVG)
same(x, np.mean(parts, axis=0))
x = torch.tensor(parts[rank])
dist.all_reduce(x, ReduceOp.BXOR)
same(x, np.bitwise_xor.reduce(parts))
x = torch.tensor([rank == 0, True, False])
dist.all_reduce(x)
same(x, [True, True, False])
x = torch.tensor([1.0 + rank * 1j])
dist.all_reduce(x)
assert x.item() == size + sum(everyone) * 1j
w = torch.ones(2, requires_grad=True)
dist.all_reduce(w.data)
same(w, [size, size])
x = torch.tensor(parts[rank]).t()
dist.all_reduce(x)  # a view
same(x, sum(parts).T)

# One to all and back.
x = torch.full((2,), float(rank), dtype=torch.bfloat16)
dist.broadcast(x, src=size - 1)
same(x, [size - 1.0] * 2)
x = torch.full((2,), float(rank))
dist.reduce(x, dst=1)
same(x, [sum(everyone)] * 2 if rank == 1 else [rank] * 2)
rows = [torch.zeros(2, dtype=torch.float16) for _ in everyone]
dist.all_gather(rows, torch.full((2,), float(rank), dtype=torch.float16))
for r, row in enumerate(rows):
    same(row, [r, r])
flat = torch.zeros(size * 2, dtype=torch.int64)
dist.all_gather_into_tensor(flat, torch.tensor([rank, -rank]))
same(flat, [v for r in everyone for v in (r, -r)])
rows = [torch.zeros(()) for _ in everyone] if rank == 0 else None
dist.gather(torch.tensor(float(rank)), rows, dst=0)
if rank == 0:
    same(torch.stack(rows), list(everyone))
mine = torch.zeros(2)
dist.scatter(mine, [torch.full((2,), 5.0 * r) for r in everyone] if rank == 1 else None, src=1)
same(mine, [5.0 * rank] * 2)
mine = torch.zeros(2)
dist.reduce_scatter(mine, [torch.full((2,), float(r + rank)) for r in everyone])
same(mine, [sum(rank + r for r in everyone)] * 2)
mine = torch.zeros(1, 2)
dist.reduce_scatter_tensor(mine, torch.arange(2.0 * size).reshape(size, 2), ReduceOp.MAX)
same(mine, [[2 * rank, 2 * rank + 1]])
got = torch.zeros(size, dtype=torch.int64)
dist.all_to_all_single(got, torch.arange(size) + 10 * rank)
same(got, [10 * r + rank for r in everyone])
uneven = [torch.full((r + 1,), float(rank)) for r in everyone]
got = [torch.zeros(rank + 1) for _ in everyone]
dist.all_to_all(got, uneven)
for r, part in enumerate(got):
    same(part, [r] * (rank + 1))
dist.barrier()
dist.monitored_barrier()

# Objects.
objects = [None] * size
dist.all_gather_object(objects, {"rank": rank, "x": torch.tensor([rank])})
assert [o["rank"] for o in objects] == list(everyone) and objects[1]["x"].item() == 1
objects = [rank, "x" * rank]
dist.broadcast_object_list(objects, src=1)
assert objects == [1, "x"]
out = [None]
dist.scatter_object_list(out, [f"for {r}" for r in everyone] if rank == 0 else None, src=0)
assert out == [f"for {rank}"]
objects = [None] * size if rank == 1 else None
dist.gather_object(rank, objects, dst=1)
assert objects == (list(everyone) if rank == 1 else None)

# Messages.
after, before = (rank + 1) % size, (rank - 1) % size
sending = dist.isend(torch.full((3,), float(rank)), after)
x = torch.zeros(3)
assert dist.recv(x) == before  # from any rank
sending.wait()
same(x, [before] * 3)
ops = [dist.P2POp(dist.irecv, x, before), dist.P2POp(dist.isend, torch.full((3,), 7.0 + rank), after)]
for work in dist.batch_isend_irecv(ops):
    work.wait()
same(x, [7.0 + before] * 3)
big = torch.full((300_000,), float(rank))
sending = dist.isend(big, after, tag=3)
dist.recv(big, before, tag=3)
sending.wait()
assert big[-1].item() == before
if rank == 0:
    dist.send_object_list(["hello", 3], dst=1)
elif rank == 1:
    objects = [None, None]
    assert dist.recv_object_list(objects, src=0) == 0 and objects == ["hello", 3]

# Work that is waited for later, in another order.
tensors = [torch.full((2,), float(k)) for k in range(5)]
works = [dist.all_reduce(t, async_op=True) for t in tensors]
tensors[0] + 1  # recorded before the result is there
for k in (3, 0, 4, 1, 2):
    assert works[k].get_future().then(lambda f: f.value()[0].tolist()).wait() == [k * size] * 2
    assert works[k].is_completed() and works[k].is_success()

# Groups.
outsider = dist.new_group([0])
assert (outsider is dist.GroupMember.NON_GROUP_MEMBER) == (rank != 0)
backwards = dist.new_group(list(reversed(everyone)), sort_ranks=False)
assert dist.get_rank(backwards) == size - 1 - rank
assert dist.get_global_rank(backwards, 0) == size - 1 and dist.get_group_rank(backwards, 0) == size - 1
x = torch.tensor([float(rank)])
dist.broadcast(x, src=0, group=backwards)
assert x.item() == 0
dist.broadcast(x := torch.tensor([float(rank)]), group_src=0, group=backwards)
assert x.item() == size - 1
mesh = dist.init_device_mesh("cpu", (1, size), mesh_dim_names=("dp", "tp"))
dist.all_reduce(x := torch.ones(1), group=mesh["tp"].get_group())
assert x.item() == size and mesh.get_coordinate() == [0, rank]

# Collectives that gradients flow through; the loss is the sum of the ranks'.
x = torch.tensor([1.0, 2.0], requires_grad=True)
(functional.all_reduce(x * x) * (rank + 1)).sum().backward()
same(x.grad, 2 * np.array([1.0, 2.0]) * sum(r + 1 for r in everyone))
x = torch.tensor([1.0 + rank], requires_grad=True)
(torch.stack(functional.all_gather(x)) * (rank + 1)).sum().backward()
same(x.grad, [sum(r + 1 for r in everyone)])

# What ranks do differently is an error on each of them, and breaks that group alone.
doomed = dist.new_group(list(everyone))
try:
    if rank == 0:
        dist.all_reduce(torch.ones(4), group=doomed)  # line of rank 0
    else:
        dist.broadcast(torch.ones(4), 0, group=doomed)  # line of the others
    raise AssertionError("no error")
except dist.DistBackendError as error:
    lines = open(__file__, encoding="utf-8").read().splitlines()
    for text in ("# line of rank 0", "# line of the others"):
        number = next(i for i, line in enumerate(lines, 1) if line.endswith(text))
        assert f"collectives.py:{number}" in str(error), str(error)
    assert "all_reduce(float32[4], SUM)" in str(error) and "broadcast(float32[4], src=0)" in str(error)
try:
    dist.all_reduce(torch.ones(1), group=doomed)
    raise AssertionError("no error")
except dist.DistBackendError as error:
    assert "failed earlier" in str(error)
narrow = dist.new_group(list(everyone))
try:
    dist.all_reduce(torch.ones(2 + rank), group=narrow)
    raise AssertionError("no error")
except dist.DistBackendError as error:
    assert "float32[2]" in str(error) and "float32[3]" in str(error)
dist.all_reduce(x := torch.ones(1))
assert x.item() == size

dist.destroy_process_group()
assert not dist.is_initialized()
print(f"rank {rank}: all collectives hold", flush=True)
