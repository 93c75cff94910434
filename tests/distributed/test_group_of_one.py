"""A group of one process: everything works, without MPI."""

import subprocess
import sys
from datetime import timedelta

import pytest
from rank_processes import environment

import rushlight as torch
import rushlight.distributed as dist
from rushlight import nn
from rushlight.distributed import ReduceOp


@pytest.fixture
def alone():
    dist.init_process_group("gloo", rank=0, world_size=1, init_method="tcp://127.0.0.1:29500")
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_before_the_beginning():
    assert dist.is_available() and not dist.is_initialized()
    for call in (dist.get_rank, dist.get_world_size, dist.get_backend, dist.barrier):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            call()
    with pytest.raises(ValueError, match="init_process_group"):
        dist.all_reduce(torch.ones(1))
    with pytest.raises(AssertionError):
        dist.destroy_process_group()
    assert dist.group.WORLD is None


def test_who_we_are(alone):
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    assert dist.get_process_group_ranks() == [0]
    assert dist.GroupMember.WORLD is dist.group.WORLD
    assert isinstance(dist.group.WORLD, dist.ProcessGroup)
    assert dist.distributed_c10d._get_default_group() is dist.group.WORLD
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group("gloo", rank=0, world_size=1)
    dist.destroy_process_group()
    assert not dist.is_initialized()


def test_mpi_without_a_launcher_is_a_group_of_one(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    dist.init_process_group("mpi")
    assert dist.get_world_size() == 1 and dist.get_backend() == dist.Backend.MPI
    dist.destroy_process_group()


def test_by_the_environment(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    dist.init_process_group()
    assert dist.get_world_size() == 1
    dist.destroy_process_group()


def test_mpi_is_not_loaded():
    program = (
        "import sys, rushlight as torch, rushlight.distributed as dist\n"
        "sys.modules['mpi4py'] = None\n"
        "dist.init_process_group('gloo', rank=0, world_size=1, init_method='tcp://127.0.0.1:1')\n"
        "x = torch.ones(2); dist.all_reduce(x)\n"
        "model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))\n"
        "model(x).sum().backward()\n"
        "dist.destroy_process_group()\n"
        "dist.is_mpi_available\n"
        "try:\n"
        "    dist.init_process_group('gloo', rank=0, world_size=2, init_method='tcp://127.0.0.1:0')\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "port number missing" in done.stdout


def test_mpi_that_is_missing_is_named():
    program = (
        "import sys, rushlight.distributed as dist\n"
        "sys.modules['mpi4py'] = None\n"
        "dist.init_process_group(store=dist.HashStore(), rank=0, world_size=2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert "pip install 'rushlight[mpi]'" in done.stderr


def test_collectives(alone):
    x = torch.tensor([1.0, 2.0])
    for op in (ReduceOp.SUM, ReduceOp.AVG, ReduceOp.PRODUCT, ReduceOp.MIN, ReduceOp.MAX):
        assert dist.all_reduce(x, op) is None
    dist.reduce(x, 0)
    dist.broadcast(x, 0)
    assert x.tolist() == [1, 2]
    rows = [torch.zeros(2)]
    dist.all_gather(rows, x)
    assert rows[0].tolist() == [1, 2]
    out = torch.zeros(2, dtype=torch.bfloat16)
    dist.all_gather_into_tensor(out, x.to(torch.bfloat16))
    assert out.tolist() == [1, 2]
    for call in (
        lambda: dist.gather(x, rows),
        lambda: dist.scatter(rows[0], [x]),
        lambda: dist.reduce_scatter(rows[0], [x]),
        lambda: dist.reduce_scatter_tensor(rows[0], x),
        lambda: dist.all_to_all(rows, [x]),
        lambda: dist.all_to_all_single(rows[0], x),
        lambda: dist.all_reduce_coalesced(rows),
        lambda: dist.all_gather_coalesced([rows], [x]),
    ):
        rows[0].zero_()
        call()
        if call.__code__.co_names[1] != "all_reduce_coalesced":
            assert rows[0].tolist() == [1, 2]
    dist.barrier()
    dist.monitored_barrier(timeout=timedelta(seconds=1))


def test_work(alone):
    x = torch.ones(2)
    work = dist.all_reduce(x, async_op=True)
    assert isinstance(work, dist.Work)
    assert work.wait() is True and work.is_completed() and work.is_success() and work.exception() is None
    assert work.result()[0] is x
    assert work.get_future().wait()[0] is x


def test_objects(alone):
    box = [None]
    dist.all_gather_object(box, {"a": 1})
    assert box == [{"a": 1}]
    dist.broadcast_object_list(box, src=0)
    dist.gather_object("b", box)
    assert box == ["b"]
    dist.scatter_object_list(box, ["c"])
    assert box == ["c"]


def test_a_leaf_may_be_written_to(alone):
    w = torch.ones(2, requires_grad=True)
    dist.all_reduce(w)
    assert w.is_leaf and w.requires_grad


def test_bad_arguments(alone):
    x = torch.ones(3)
    with pytest.raises(TypeError, match="type torch.Tensor"):
        dist.all_reduce(3)
    with pytest.raises(TypeError, match="ReduceOp"):
        dist.all_reduce(x, "sum")
    with pytest.raises(ValueError, match="Must specify"):
        dist.broadcast(x)
    with pytest.raises(ValueError, match="rank 3 is not part"):
        dist.broadcast(x, src=3)
    with pytest.raises(RuntimeError, match="should be 1, got 2"):
        dist.all_gather([x, x], x)
    with pytest.raises(ValueError, match="different dtypes"):
        dist.all_gather([x.long()], x)
    with pytest.raises(RuntimeError, match=r"should be \[3\], got \[2\]"):
        dist.all_gather([torch.zeros(2)], x)
    with pytest.raises(ValueError, match="gather_list"):
        dist.gather(x)
    with pytest.raises(ValueError, match="scatter_list"):
        dist.scatter(x)
    with pytest.raises(ValueError, match="destination rank should not be the same"):
        dist.send(x, 0)
    with pytest.raises(RuntimeError, match="BAND with non-integral"):
        dist.all_reduce(x, ReduceOp.BAND)
    with pytest.raises(RuntimeError, match="AVG"):
        dist.all_reduce(x.long(), ReduceOp.AVG)
    with pytest.raises(ValueError, match="MAX on complex"):
        dist.all_reduce(x.to(torch.complex64), ReduceOp.MAX)
    with pytest.raises(ValueError, match="world size should be less"):
        dist.new_group([0, 1])
    with pytest.raises(ValueError, match="not part of group"):
        dist.get_group_rank(dist.group.WORLD, 5)


def test_backends(alone):
    dist.destroy_process_group()
    with pytest.raises(RuntimeError, match="backend='mpi' or 'gloo'"):
        dist.init_process_group("nccl", rank=0, world_size=1)
    with pytest.raises(ValueError, match="Unknown backend 'carrier pigeon'"):
        dist.init_process_group("carrier pigeon", rank=0, world_size=1)
    assert dist.Backend("GLOO") == "gloo" == dist.Backend.GLOO
    assert not dist.is_nccl_available() and dist.is_gloo_available() and not dist.is_torchelastic_launched()
    dist.init_process_group("cpu:gloo,cuda:nccl", rank=0, world_size=1, init_method="tcp://127.0.0.1:1")
    assert dist.get_backend() == "gloo"


def test_reduce_op():
    assert repr(ReduceOp.SUM) == "<RedOpType.SUM: 0>" and str(ReduceOp.MAX) == "RedOpType.MAX"
    assert isinstance(ReduceOp.SUM, ReduceOp) and ReduceOp(ReduceOp.SUM) is ReduceOp.SUM
    with pytest.warns(FutureWarning, match="deprecated"):
        assert dist.reduce_op.SUM is ReduceOp.SUM


@pytest.mark.parametrize("initialized", [False, True])
def test_data_parallel(initialized, request):
    if initialized:
        request.getfixturevalue("alone")
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    model = nn.parallel.DistributedDataParallel(module).to("cpu")
    assert model.module is module
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    model(torch.ones(4, 3)).sum().backward()
    with model.no_sync():
        model(torch.ones(4, 3)).sum().backward()
    assert module.weight.grad.tolist() == [[8.0] * 3] * 2
    with model.join():
        model(torch.ones(4, 3))
    assert repr(model).startswith("DistributedDataParallel(\n  (module): Linear(")


def test_data_parallel_refuses(monkeypatch):
    with pytest.raises(RuntimeError, match="doesn't have any parameter that requires a gradient"):
        nn.parallel.DistributedDataParallel(nn.ReLU())
    with pytest.raises(ValueError, match="device_ids"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1), device_ids=[0])
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="init_process_group.*one of 2 processes"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))


def test_communication_hook(alone):
    model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    seen = []

    def hook(state, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        seen.append((state, bucket.index(), bucket.is_last(), [tuple(g.shape) for g in bucket.gradients()]))
        future = torch.futures.Future()
        future.set_result(bucket.buffer() * 2)
        return future

    model.register_comm_hook("state", hook)
    model(torch.ones(1, 2)).sum().backward()
    assert seen == [("state", 0, True, [(1,), (1, 2)])]
    assert model.module.weight.grad.tolist() == [[2.0, 2.0]]
    with pytest.raises(RuntimeError, match="only be called once"):
        model.register_comm_hook(None, hook)


def test_wrapped_state_dicts():
    from rushlight.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    weights, state = get_state_dict(model, optimizer)
    assert list(weights) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert list(state["state"]) == state["param_groups"][0]["params"] == list(weights)
    bare = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    other = torch.optim.Adam(bare.parameters())
    keys = set_state_dict(bare, other, model_state_dict=weights, optim_state_dict=state)
    assert not keys.missing_keys and torch.equal(bare[1].weight, weights["1.weight"])
    assert torch.equal(other.state[bare[0].weight]["exp_avg"], state["state"]["0.weight"]["exp_avg"])
    flat = get_state_dict(model, optimizer, options=StateDictOptions(flatten_optimizer_state_dict=True))[1]
    assert "state.0.weight.exp_avg" in flat and flat["param_groups.1.bias.lr"] == 0.001
    set_state_dict(bare, other, model_state_dict={}, optim_state_dict=flat)


def test_activation_checkpointing():
    from rushlight.distributed.algorithms._checkpoint.checkpoint_wrapper import apply_activation_checkpointing

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    names = list(model.state_dict())
    x = torch.ones(1, 2, requires_grad=True)
    model(x).sum().backward()
    before = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    apply_activation_checkpointing(model, check_fn=lambda m: isinstance(m, nn.Linear))
    assert list(model.state_dict()) == names
    model.load_state_dict(model.state_dict())
    model(x).sum().backward()
    for p, g in zip(model.parameters(), before, strict=True):
        assert torch.allclose(p.grad, g)


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.distributed.fsdp.FullyShardedDataParallel(nn.Linear(1, 1)),
        lambda: torch.distributed.fsdp.fully_shard(nn.Linear(1, 1)),
        lambda: torch.distributed.tensor.distribute_tensor(torch.ones(1), None),
        lambda: torch.distributed.rpc.init_rpc("a"),
        lambda: torch.distributed.checkpoint.save({}, checkpoint_id="x"),
    ],
)
def test_what_is_not_supported_says_what_to_use(call):
    with pytest.raises(NotImplementedError, match="not supported.*[Uu]se "):
        call()


def test_names_of_what_is_not_supported():
    assert not isinstance(nn.Linear(1, 1), torch.distributed.fsdp.FullyShardedDataParallel)
    assert not isinstance(torch.ones(1), torch.distributed.tensor.DTensor)
    assert torch.distributed.fsdp.ShardingStrategy.FULL_SHARD.name == "FULL_SHARD"


def test_errors_are_recorded(tmp_path, monkeypatch):
    from rushlight.distributed.elastic.multiprocessing.errors import record

    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))
    with pytest.raises(KeyError):
        record(lambda: {}["missing"])()
    assert "KeyError" in (tmp_path / "error.json").read_text()
