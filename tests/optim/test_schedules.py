"""Learning-rate schedules: closed forms, warnings, state, and what the guide adds to PyTorch."""

import math
import warnings

import pytest

import rushlight
from rushlight.optim import lr_scheduler
from rushlight.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn, update_bn

PARTS = (1.0, 0.2)


def make_optimizer(rates=PARTS, kind="SGD", **options):
    groups = [{"params": [rushlight.nn.Parameter(rushlight.zeros(2))], "lr": rate} for rate in rates]
    return getattr(rushlight.optim, kind)(groups, lr=0.5, **options)


def walk(schedule, steps):
    """The rates at the start and after each of `steps` steps, a list of lists."""
    rows = [list(schedule.get_last_lr())]
    for _ in range(steps):
        schedule.optimizer.step()
        schedule.step()
        rows.append(list(schedule.get_last_lr()))
    return rows


def cosine(epoch, length, low=0.0):
    return lambda base: low + (base - low) * (1 + math.cos(math.pi * epoch / length)) / 2


def triangle(epoch, up, down):
    place = epoch % (up + down)
    return place / up if place <= up else (up + down - place) / down


CLOSED_FORMS = {
    "StepLR": ({"step_size": 5, "gamma": 0.3}, lambda e, b: b * 0.3 ** (e // 5)),
    "MultiStepLR": (
        {"milestones": [3, 8, 8, 30], "gamma": 0.5},
        lambda e, b: b * 0.5 ** sum(e >= m for m in (3, 8, 8, 30)),
    ),
    "ExponentialLR": ({"gamma": 0.9}, lambda e, b: b * 0.9**e),
    "ConstantLR": ({"factor": 0.25, "total_iters": 7}, lambda e, b: b * (0.25 if e < 7 else 1)),
    "LinearLR": (
        {"start_factor": 0.2, "end_factor": 0.9, "total_iters": 10},
        lambda e, b: b * (0.2 + 0.7 * min(e, 10) / 10),
    ),
    "PolynomialLR": ({"total_iters": 12, "power": 2.0}, lambda e, b: b * (1 - min(e, 12) / 12) ** 2),
    "CosineAnnealingLR": ({"T_max": 10, "eta_min": 0.01}, lambda e, b: cosine(e, 10, 0.01)(b)),
    "LambdaLR": ({"lr_lambda": lambda epoch: 0.95**epoch}, lambda e, b: b * 0.95**e),
    "MultiplicativeLR": ({"lr_lambda": lambda epoch: 1 - 1 / (epoch + 1)}, lambda e, b: b / (e + 1)),
    "CosineAnnealingWarmRestarts": ({"T_0": 8, "eta_min": 0.05}, lambda e, b: cosine(e % 8, 8, 0.05)(b)),
    "CyclicLR": (
        {
            "base_lr": [0.1, 0.2],
            "max_lr": [1.1, 0.7],
            "step_size_up": 4,
            "step_size_down": 6,
            "cycle_momentum": False,
        },
        lambda e, b: {1.0: 0.1, 0.2: 0.2}[b] + {1.0: 1.0, 0.2: 0.5}[b] * triangle(e, 4, 6),
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_rates_follow_the_closed_form(name):
    options, formula = CLOSED_FORMS[name]
    rows = walk(getattr(lr_scheduler, name)(make_optimizer(), **options), 40)
    for epoch, row in enumerate(rows):
        assert row == pytest.approx([formula(epoch, base) for base in PARTS], rel=1e-9, abs=1e-12)


def test_guide_step_lr():
    optimizer = make_optimizer([0.01])
    rows = walk(lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.1), 12)
    assert [row[0] for row in rows[:12]] == pytest.approx([0.01] * 5 + [0.001] * 5 + [0.0001] * 2)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0001)
    assert optimizer.param_groups[0]["initial_lr"] == 0.01


def test_one_function_for_each_group():
    schedule = lr_scheduler.LambdaLR(make_optimizer(), [lambda epoch: 1 / (1 + epoch), lambda epoch: 2.0])
    assert walk(schedule, 3)[-1] == [0.25, 0.4]
    with pytest.raises(ValueError, match="2 lr_lambdas.*got 1"):
        lr_scheduler.LambdaLR(make_optimizer(), [lambda epoch: 1.0])
    with pytest.raises(TypeError, match="float"):
        lr_scheduler.MultiplicativeLR(make_optimizer(), 0.5)


def test_one_cycle_is_up_and_down_with_momentum_opposite():
    optimizer = make_optimizer([1.0], momentum=0.9)
    schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, epochs=5, steps_per_epoch=4, div_factor=10)
    group = optimizer.param_groups[0]
    seen = []
    for _ in range(20):
        seen.append((group["lr"], group["momentum"]))
        optimizer.step()
        schedule.step()
    rates = [rate for rate, _ in seen]
    assert rates[0] == pytest.approx(0.1)
    assert rates.index(max(rates)) == 5 and rates[5] == pytest.approx(1.0)
    assert rates[19] == pytest.approx(0.1 / 1e4)
    assert seen[5][1] == pytest.approx(0.85) and seen[19][1] == pytest.approx(0.95)
    with pytest.raises(ValueError, match="step 21 times.*20"):
        schedule.step()


@pytest.mark.parametrize("kind, key", [("SGD", "momentum"), ("Adam", "betas")])
def test_cyclic_momentum(kind, key):
    optimizer = make_optimizer([1.0], kind, **({"momentum": 0.5} if kind == "SGD" else {}))
    schedule = lr_scheduler.CyclicLR(optimizer, base_lr=0.1, max_lr=1.1, step_size_up=4)
    momenta = []
    for _ in range(5):
        value = optimizer.param_groups[0][key]
        momenta.append(value[0] if kind == "Adam" else value)
        optimizer.step()
        schedule.step()
    assert momenta == pytest.approx([0.9, 0.875, 0.85, 0.825, 0.8])


def test_cyclic_needs_a_momentum_to_cycle():
    with pytest.raises(ValueError, match="cycle_momentum"):
        lr_scheduler.CyclicLR(make_optimizer(kind="Adagrad"), base_lr=0.1, max_lr=1.0)
    with pytest.raises(ValueError, match="'square'"):
        lr_scheduler.CyclicLR(make_optimizer(), base_lr=0.1, max_lr=1.0, mode="square")
    with pytest.raises(ValueError, match="max_lr.*3 values.*2 groups"):
        lr_scheduler.CyclicLR(make_optimizer(), base_lr=0.1, max_lr=[1.0, 1.0, 1.0])


def test_sequential_and_chained():
    optimizer = make_optimizer([1.0])
    parts = [
        lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=3),
        lr_scheduler.ExponentialLR(optimizer, gamma=0.5),
        lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1),
    ]
    schedule = lr_scheduler.SequentialLR(optimizer, parts, milestones=[2, 4])
    rates = [row[0] for row in walk(schedule, 6)]
    assert rates == pytest.approx([0.5, 0.5, 1.0, 0.5, 1.0, 0.1, 0.01])

    optimizer = make_optimizer([1.0])
    constant = lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    fall = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    rates = [row[0] for row in walk(lr_scheduler.ChainedScheduler([constant, fall]), 3)]
    assert rates == pytest.approx([0.5, 0.25, 0.25, 0.125])


def test_joined_schedules_refuse_what_they_cannot_step():
    optimizer = make_optimizer()
    fall = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(ValueError, match="no scheduler"):
        lr_scheduler.ChainedScheduler([])
    with pytest.raises(ValueError, match="ReduceLROnPlateau.*index 1"):
        lr_scheduler.ChainedScheduler([fall, plateau])
    with pytest.raises(ValueError, match="same optimizer"):
        lr_scheduler.ChainedScheduler([fall], optimizer=make_optimizer())
    with pytest.raises(ValueError, match="1 schedulers and 2 milestones"):
        lr_scheduler.SequentialLR(optimizer, [fall], milestones=[1, 2])


def test_plateau_lowers_on_the_sixth_bad_epoch_and_says_so(capsys):
    optimizer = make_optimizer([0.01])
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.1, patience=5, verbose=True)
    for epoch in range(1, 10):
        optimizer.step()
        schedule.step(rushlight.tensor(1.0 / min(epoch, 3)))
        lowered = optimizer.param_groups[0]["lr"] < 0.01
        assert lowered == (epoch == 9)
        assert schedule.num_bad_epochs == (0 if epoch == 9 else max(0, epoch - 3))
    assert schedule.best == pytest.approx(1 / 3)
    assert schedule.get_last_lr() == pytest.approx([0.001])
    printed = capsys.readouterr()
    assert printed.out == "Epoch 00009: reducing learning rate of group 0 to 1.0000e-03.\n"
    assert printed.err == ""


def test_plateau_modes():
    for mode, values in [("min", [1, 2, 3]), ("auto", [1, 2, 3]), ("max", [3, 2, 1])]:
        optimizer = make_optimizer([1.0])
        schedule = lr_scheduler.ReduceLROnPlateau(optimizer, mode=mode, patience=1)
        for value in values:
            optimizer.step()
            schedule.step(value)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
        assert schedule.best == values[0]
    with pytest.raises(ValueError, match="lowest"):
        lr_scheduler.ReduceLROnPlateau(make_optimizer(), mode="lowest")
    with pytest.raises(ValueError, match="percent"):
        lr_scheduler.ReduceLROnPlateau(make_optimizer(), threshold_mode="percent")
    with pytest.raises(ValueError, match="1.0"):
        lr_scheduler.ReduceLROnPlateau(make_optimizer(), factor=1.0)


def test_plateau_step_needs_its_value():
    with pytest.raises(TypeError, match="metrics"):
        lr_scheduler.ReduceLROnPlateau(make_optimizer()).step()


def test_plateau_cooldown_min_lr_and_eps():
    optimizer = make_optimizer([1.0, 0.2])
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, cooldown=2, min_lr=[0.05, 0.1])
    rates = []
    for _ in range(8):
        schedule.step(1.0)
        rates.append([group["lr"] for group in optimizer.param_groups])
    # Epoch 1 is the best; 2 lowers; 3 and 4 are cooldown; 5 lowers to the floor.
    assert rates[0] == [1.0, 0.2]
    assert rates[1] == pytest.approx([0.1, 0.1]) and rates[3] == pytest.approx([0.1, 0.1])
    assert rates[4] == pytest.approx([0.05, 0.1]) and rates[7] == pytest.approx([0.05, 0.1])


def test_plateau_follows_an_added_group():
    optimizer = make_optimizer([1.0])
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    listed = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0])
    optimizer.add_param_group({"params": [rushlight.nn.Parameter(rushlight.zeros(1))], "lr": 0.5})
    for _ in range(2):
        schedule.step(1.0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.05])
    listed.step(1.0)
    with pytest.raises(RuntimeError, match=r"\(2\).*\(1\)"):
        listed.step(1.0)


@pytest.mark.parametrize("name", sorted(set(CLOSED_FORMS)))
def test_verbose_is_accepted_and_prints_rates(name, capsys):
    options, _ = CLOSED_FORMS[name]
    quiet = getattr(lr_scheduler, name)(make_optimizer(), **options)
    assert capsys.readouterr().out == ""
    loud = getattr(lr_scheduler, name)(make_optimizer(), **options, verbose=True)
    assert capsys.readouterr().out.splitlines() == [
        f"Adjusting learning rate of group {index} to {rate:.4e}."
        for index, rate in enumerate(loud.get_last_lr())
    ]
    assert quiet.state_dict().keys() == loud.state_dict().keys()


def test_keyword_of_another_schedule_is_named():
    with pytest.raises(TypeError, match="step_size"):
        lr_scheduler.MultiStepLR(make_optimizer(), step_size=5)
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        lr_scheduler.StepLR(3, step_size=5)


def test_wrong_order_warns_once():
    schedule = lr_scheduler.StepLR(make_optimizer(), step_size=5)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`") as caught:
        schedule.step()
        schedule.step()
    assert len(caught) == 1 and caught[0].filename == __file__


def test_right_order_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        walk(lr_scheduler.StepLR(make_optimizer(), step_size=5), 3)


def test_replaced_step_warns():
    optimizer = make_optimizer()
    schedule = lr_scheduler.StepLR(optimizer, step_size=5)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="overridden"):
        schedule.step()


def test_epoch_argument_warns_and_uses_the_closed_form():
    schedule = lr_scheduler.ExponentialLR(make_optimizer([1.0]), gamma=0.5)
    schedule.optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        schedule.step(4)
    assert schedule.get_last_lr() == [0.0625] and schedule.last_epoch == 4


def test_get_lr_by_hand_warns():
    schedule = lr_scheduler.StepLR(make_optimizer(), step_size=5)
    with pytest.warns(UserWarning, match="get_last_lr") as caught:
        schedule.get_lr()
    assert caught[0].filename == __file__


def test_resuming_needs_initial_rates():
    optimizer = make_optimizer([1.0])
    with pytest.raises(KeyError, match="initial_lr.*param_groups\\[0\\].*last_epoch=3"):
        lr_scheduler.StepLR(optimizer, step_size=2, last_epoch=3)
    optimizer.param_groups[0]["initial_lr"] = 4.0
    assert lr_scheduler.StepLR(optimizer, step_size=2, last_epoch=3).base_lrs == [4.0]


def test_state_round_trip_with_a_callable_object():
    class Slope:
        def __init__(self, by):
            self.by = by

        def __call__(self, epoch):
            return 1 / (1 + self.by * epoch)

    first = lr_scheduler.LambdaLR(make_optimizer(), Slope(2))
    walk(first, 5)
    state = first.state_dict()
    assert state["lr_lambdas"] == [{"by": 2}, {"by": 2}] and "optimizer" not in state
    second = lr_scheduler.LambdaLR(make_optimizer(), Slope(7))
    second.load_state_dict(state)
    assert "lr_lambdas" in state
    assert walk(second, 3)[1:] == walk(first, 3)[1:]


def test_tensor_rates_keep_their_identity():
    rate = rushlight.tensor(1.0)
    optimizer = make_optimizer([rate, 0.5])
    schedule = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    walk(schedule, 2)
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.25
    assert optimizer.param_groups[1]["lr"] == 0.125
    schedule.get_last_lr()[0].fill_(9.0)
    schedule.base_lrs[0].fill_(9.0)
    assert rate.item() == 0.25 and optimizer.param_groups[0]["initial_lr"].item() == 1.0


def test_own_schedule_and_old_base_name():
    class Halving(lr_scheduler._LRScheduler):
        def __init__(self, optimizer, last_epoch=-1, verbose="deprecated"):
            super().__init__(optimizer, last_epoch, verbose)

        def get_lr(self):
            return [base * 0.5**self.last_epoch for base in self.base_lrs]

    assert walk(Halving(make_optimizer([1.0])), 3)[-1] == [0.125]
    assert issubclass(Halving, lr_scheduler.LRScheduler)
    with pytest.raises(NotImplementedError, match="get_lr"):
        lr_scheduler.LRScheduler(make_optimizer())


def test_swalr_goes_to_its_rate_and_stays():
    rates = [row[0] for row in walk(SWALR(make_optimizer([1.0]), 0.2, 4, "linear"), 6)]
    assert rates == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2])
    with pytest.raises(ValueError, match="straight"):
        SWALR(make_optimizer(), 0.2, anneal_strategy="straight")
    with pytest.raises(ValueError, match="-1"):
        SWALR(make_optimizer(), 0.2, anneal_epochs=-1)


def average_of(values, **options):
    model = rushlight.nn.Linear(2, 1)
    average = AveragedModel(model, **options)
    for value in values:
        rushlight.nn.init.constant_(model.weight, value)
        average.update_parameters(model)
    return average


def test_averaged_model():
    assert average_of([1.0, 2.0, 6.0]).module.weight.tolist() == [[3.0, 3.0]]
    assert int(average_of([1.0, 2.0, 6.0]).n_averaged) == 3
    for options in [{"avg_fn": get_ema_avg_fn(0.75)}, {"multi_avg_fn": get_ema_multi_avg_fn(0.75)}]:
        assert average_of([0.0, 4.0], **options).module.weight.tolist() == [[1.0, 1.0]]
    with pytest.raises(AssertionError, match="avg_fn"):
        average_of([], avg_fn=get_ema_avg_fn(), multi_avg_fn=get_ema_multi_avg_fn())
    with pytest.raises(ValueError, match="1.5"):
        get_ema_avg_fn(1.5)


def test_update_bn_averages_the_batches_and_restores_the_modes():
    model = rushlight.nn.Sequential(rushlight.nn.BatchNorm1d(1), rushlight.nn.Dropout(0.5))
    model.eval()
    batches = [rushlight.tensor([[0.0], [2.0]]), (rushlight.tensor([[5.0], [7.0]]), "label")]
    update_bn(batches, model)
    assert model[0].running_mean.tolist() == pytest.approx([3.5])
    assert model[0].running_var.tolist() == pytest.approx([(2.0 + 2.0) / 2])
    assert model[0].momentum == 0.1 and not model.training
