"""Every schedule beside torch's own: rates and momenta of 40 steps, state both ways, names and defaults."""

import inspect
import math
import warnings

import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402

RATES = (0.1, 0.02, 0.5)


class Slope:
    """A callable object, whose attributes are part of a schedule's state."""

    def __init__(self, by):
        self.by = by

    def __call__(self, epoch):
        return 1 / (1 + self.by * epoch)


def make_optimizer(library, kind="SGD", rates=RATES):
    groups = [{"params": [library.nn.Parameter(library.zeros(2))], "lr": rate} for rate in rates]
    options = {"momentum": 0.5} if kind == "SGD" else {}
    return getattr(library.optim, kind)(groups, lr=0.3, **options)


def alone(name, *args, **kwargs):
    return lambda module, optimizer: getattr(module, name)(optimizer, *args, **kwargs)


def sequential(module, optimizer):
    parts = [
        module.LinearLR(optimizer, start_factor=0.1, total_iters=6),
        module.CosineAnnealingLR(optimizer, T_max=9),
        module.StepLR(optimizer, step_size=3),
        module.ExponentialLR(optimizer, gamma=0.8),
    ]
    return module.SequentialLR(optimizer, parts, milestones=[5, 14, 22])


def chained(module, optimizer):
    parts = [
        module.ConstantLR(optimizer, factor=0.3, total_iters=7),
        module.MultiStepLR(optimizer, [10, 11]),
        module.ExponentialLR(optimizer, gamma=0.97),
    ]
    return module.ChainedScheduler(parts, optimizer=optimizer)


def chain_in_sequence(module, optimizer):
    first = module.ChainedScheduler([module.ConstantLR(optimizer), module.ExponentialLR(optimizer, 0.9)])
    return module.SequentialLR(optimizer, [first, module.PolynomialLR(optimizer, 20, 2.0)], milestones=[8])


CASES = {
    "lambda": alone("LambdaLR", lambda epoch: 0.95**epoch),
    "lambdas": alone("LambdaLR", [Slope(1), lambda epoch: 1.0, Slope(3)]),
    "multiplicative": alone("MultiplicativeLR", lambda epoch: 1 - 0.5 / epoch),
    "step": alone("StepLR", 7, 0.3),
    "multistep": alone("MultiStepLR", [4, 9, 9, 25]),
    "constant": alone("ConstantLR", 0.2, 11),
    "linear": alone("LinearLR", 0.1, 0.7, 13),
    "linear down": alone("LinearLR", 1.0, 0.0, 20),
    "exponential": alone("ExponentialLR", 0.9),
    "polynomial": alone("PolynomialLR", 17, 1.7),
    "cosine": alone("CosineAnnealingLR", 9, 0.001),
    "cosine short": alone("CosineAnnealingLR", 1),
    "restarts": alone("CosineAnnealingWarmRestarts", 5, eta_min=0.003),
    "restarts growing": alone("CosineAnnealingWarmRestarts", 3, 2),
    "triangular": alone("CyclicLR", 0.01, 0.1, 5),
    "triangular2": alone("CyclicLR", [0.01, 0.02, 0.03], [0.1, 0.2, 0.3], 5, 3, mode="triangular2"),
    "exp_range": alone("CyclicLR", 0.01, 0.1, 4, mode="exp_range", gamma=0.97),
    "own scale": alone("CyclicLR", 0.01, 0.1, 4, scale_fn=Slope(0.2), scale_mode="iterations"),
    "one cycle": alone("OneCycleLR", 0.1, 41),
    "one cycle linear": alone(
        "OneCycleLR", [0.1, 0.2, 0.3], epochs=6, steps_per_epoch=7, anneal_strategy="linear"
    ),
    "one cycle three": alone("OneCycleLR", 0.1, 41, three_phase=True, pct_start=0.25),
    "one cycle no momentum": alone("OneCycleLR", 0.1, 45, cycle_momentum=False),
    "sequential": sequential,
    "chained": chained,
    "chain in sequence": chain_in_sequence,
}
PLATEAUS = {
    "plateau": alone("ReduceLROnPlateau", patience=2),
    "plateau max abs": alone("ReduceLROnPlateau", "max", 0.5, 1, 0.05, "abs", 2, [0.01, 0.001, 0.1]),
    "plateau max rel": alone("ReduceLROnPlateau", mode="max", threshold=0.2, patience=3, min_lr=1e-3),
    "plateau min abs": alone("ReduceLROnPlateau", threshold=0.3, threshold_mode="abs", patience=1, eps=1e-2),
}


def pair(make, kind="SGD"):
    ours, theirs = make_optimizer(rushlight, kind), make_optimizer(torch, kind)
    with warnings.catch_warnings():
        # A chain inside a sequence steps its parts before the optimizer could, and both libraries say so.
        warnings.simplefilter("ignore")
        return make(rushlight.optim.lr_scheduler, ours), make(torch.optim.lr_scheduler, theirs)


def losses(count=40):
    return [1 / (1 + 0.2 * step) + 0.3 * math.sin(step) for step in range(count)]


def groups_of(schedule):
    """Everything in the parameter groups that is not a parameter."""
    return [
        {key: value for key, value in group.items() if key != "params"}
        for group in schedule.optimizer.param_groups
    ]


def assert_equal_groups(ours, theirs):
    for mine, other in zip(groups_of(ours), groups_of(theirs), strict=True):
        assert mine["lr"] == pytest.approx(other["lr"], rel=1e-12, abs=1e-12)
        for key in ("momentum", "betas", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"):
            assert (key in mine) == (key in other)
            if key in other:
                assert mine[key] == pytest.approx(other[key], rel=1e-12, abs=1e-12)
    assert list(ours.get_last_lr()) == pytest.approx(list(theirs.get_last_lr()), rel=1e-12, abs=1e-12)


def assert_equal_state(mine, other, place="state"):
    """The same keys and values all the way down, numbers to 1e-12."""
    if isinstance(other, dict):
        assert isinstance(mine, dict) and set(mine) == set(other), place
        for key in other:
            assert_equal_state(mine[key], other[key], f"{place}[{key!r}]")
    elif isinstance(other, (list, tuple)):
        assert isinstance(mine, (list, tuple)) and len(mine) == len(other), place
        for index, (left, right) in enumerate(zip(mine, other, strict=True)):
            assert_equal_state(left, right, f"{place}[{index}]")
    elif isinstance(other, float):
        assert mine == pytest.approx(other, rel=1e-12, abs=1e-12), place
    else:
        assert mine == other, place


def advance(schedule, *values):
    schedule.optimizer.step()
    schedule.step(*values)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", CASES)
def test_forty_steps(name, kind):
    ours, theirs = pair(CASES[name], kind)
    assert_equal_groups(ours, theirs)
    for _ in range(40):
        advance(ours)
        advance(theirs)
        assert_equal_groups(ours, theirs)
        assert_equal_state(ours.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("name", PLATEAUS)
def test_forty_steps_of_a_plateau(name):
    ours, theirs = pair(PLATEAUS[name])
    for loss in losses():
        advance(ours, loss)
        advance(theirs, loss)
        assert_equal_groups(ours, theirs)
        assert_equal_state(ours.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("name", [*CASES, *PLATEAUS])
def test_state_goes_both_ways(name):
    """Seventeen steps there, the state across, the rest here, and the other way round."""
    make = {**CASES, **PLATEAUS}[name]
    values = [(loss,) if name in PLATEAUS else () for loss in losses()]
    ours, theirs = pair(make)
    for value in values[:17]:
        advance(ours, *value)
        advance(theirs, *value)
    fresh_ours, fresh_theirs = pair(make)
    for source, target in [(theirs, fresh_ours), (ours, fresh_theirs)]:
        target.load_state_dict(source.state_dict())
        for group, values_of_group in zip(target.optimizer.param_groups, groups_of(source), strict=True):
            group.update(values_of_group)
    for value in values[17:]:
        for schedule in (ours, theirs, fresh_ours, fresh_theirs):
            advance(schedule, *value)
        assert_equal_groups(fresh_ours, theirs)
        assert_equal_groups(ours, fresh_theirs)


CLOSED = [
    "step",
    "multistep",
    "constant",
    "linear",
    "exponential",
    "polynomial",
    "cosine",
    "lambda",
    "restarts",
]


@pytest.mark.parametrize("name", [*CLOSED, "restarts growing", "triangular"])
def test_given_epochs(name):
    ours, theirs = pair(CASES[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epoch in [3, 7, 2, 30, 0, 12]:
            ours.step(epoch)
            theirs.step(epoch)
            assert_equal_groups(ours, theirs)
            assert_equal_state(ours.state_dict(), theirs.state_dict())


def test_fractional_epochs_of_restarts():
    ours, theirs = pair(CASES["restarts growing"])
    for step in range(60):
        ours.step(step / 4)
        theirs.step(step / 4)
        assert_equal_groups(ours, theirs)


@pytest.mark.parametrize("name", [*CLOSED, "multiplicative", "triangular2", "one cycle"])
def test_resuming_by_last_epoch(name):
    def resumed(library):
        optimizer = make_optimizer(library)
        CASES[name](library.optim.lr_scheduler, optimizer)
        for group in optimizer.param_groups:
            group["lr"] *= 0.7
        return optimizer

    def again(module, optimizer):
        arguments = inspect.getclosurevars(CASES[name]).nonlocals
        return getattr(module, arguments["name"])(
            optimizer, *arguments["args"], **arguments["kwargs"], last_epoch=4
        )

    ours = again(rushlight.optim.lr_scheduler, resumed(rushlight))
    theirs = again(torch.optim.lr_scheduler, resumed(torch))
    assert_equal_groups(ours, theirs)
    for _ in range(10):
        advance(ours)
        advance(theirs)
        assert_equal_groups(ours, theirs)


@pytest.mark.parametrize(
    "name", ["exponential", "cosine", "linear", "lambda", "one cycle", "restarts", "chained"]
)
def test_tensor_rates(name):
    def made(library):
        rates = [
            library.tensor(0.1, dtype=library.float64),
            0.02,
            library.tensor([0.5], dtype=library.float64),
        ]
        return CASES[name](library.optim.lr_scheduler, make_optimizer(library, "Adam", rates))

    ours, theirs = made(rushlight), made(torch)
    for _ in range(12):
        advance(ours)
        advance(theirs)
        for mine, other in zip(ours.get_last_lr(), theirs.get_last_lr(), strict=True):
            assert type(mine).__name__ == type(other).__name__
            assert float(mine) == pytest.approx(float(other), rel=1e-12)


SWALRS = [{"swa_lr": 0.05}, {"swa_lr": [0.3, 0.01, 0.2], "anneal_epochs": 6, "anneal_strategy": "linear"}]


@pytest.mark.parametrize("options", [*SWALRS, {"swa_lr": 0.05, "anneal_epochs": 0}])
def test_swalr(options):
    ours = rushlight.optim.swa_utils.SWALR(make_optimizer(rushlight), **options)
    theirs = torch.optim.swa_utils.SWALR(make_optimizer(torch), **options)
    for _ in range(20):
        advance(ours)
        advance(theirs)
        assert_equal_groups(ours, theirs)
        assert_equal_state(ours.state_dict(), theirs.state_dict())


PUBLIC = list(torch.optim.lr_scheduler.__all__)


@pytest.mark.parametrize("name", [*PUBLIC, "_LRScheduler"])
def test_names_and_defaults(name):
    ours = inspect.signature(getattr(rushlight.optim.lr_scheduler, name)).parameters
    theirs = inspect.signature(getattr(torch.optim.lr_scheduler, name)).parameters
    mine = [(key, value.default) for key, value in ours.items() if key != "verbose"]
    assert mine == [(key, value.default) for key, value in theirs.items()]
    assert ("verbose" in ours) == (name != "ChainedScheduler")


def test_public_names():
    assert set(rushlight.optim.lr_scheduler.__all__) == set(PUBLIC)
    assert set(rushlight.optim.swa_utils.__all__) == set(torch.optim.swa_utils.__all__)


AVERAGES = {
    "swa": lambda swa: {},
    "ema": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.9)},
    "ema many": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
    "swa many": lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "buffers": lambda swa: {"use_buffers": True},
    "buffers many": lambda swa: {"use_buffers": True, "multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
}


@pytest.mark.parametrize("name", AVERAGES)
def test_averaged_model(name):
    def trained(library):
        swa = library.optim.swa_utils
        library.manual_seed(0)
        model = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.BatchNorm1d(4))
        average = swa.AveragedModel(model, **AVERAGES[name](swa))
        data = library.arange(24, dtype=library.float32).reshape(8, 3) / 24
        for step in range(5):
            model(data * (step + 1))
            with library.no_grad():
                for parameter in model.parameters():
                    parameter.mul_(0.9).add_(0.01 * (step + 1))
            average.update_parameters(model)
        swa.update_bn([data[:4], data[4:]], average)
        return {key: value.tolist() for key, value in average.state_dict().items()}

    ours, theirs = trained(rushlight), trained(torch)
    assert list(ours) == list(theirs)
    for key in theirs:
        assert torch.allclose(torch.tensor(ours[key]), torch.tensor(theirs[key]), rtol=1e-5, atol=1e-6), key
