"""Whole training steps: forward, backward and update, the same to the bit as without compile."""

import copy

import pytest
from alike import captures, check_alike, state_of

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "dampened": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1, maximize=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    "adadelta": lambda p: torch.optim.Adadelta(p),
    "rmsprop": lambda p: torch.optim.RMSprop(p, centered=True, momentum=0.5),
    "adamax": lambda p: torch.optim.Adamax(p),
    "nadam": lambda p: torch.optim.NAdam(p, decoupled_weight_decay=True, weight_decay=0.1),
    "radam": lambda p: torch.optim.RAdam(p),
    "asgd": lambda p: torch.optim.ASGD(p, t0=6),
    "rprop": lambda p: torch.optim.Rprop(p),
    "adafactor": lambda p: torch.optim.Adafactor(p),
    "muon": lambda p: torch.optim.Muon([q for q in p if q.dim() == 2], lr=0.02),
}


def net(dropout=0.0, norm=False):
    layers = [nn.Linear(6, 8), nn.Tanh()]
    if norm:
        layers.append(nn.BatchNorm1d(8))
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(8, 3))


def batches(n=4):
    return [(torch.randn(5, 6), torch.randint(0, 3, (5,))) for _ in range(n)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name):
    def build(compile):
        model, data = net(), batches()
        optimizer = OPTIMIZERS[name](list(model.parameters()))

        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss

        train = compile(train)
        return lambda i: train(*data[i % 4]), state_of(model, optimizer)

    # RAdam's rule and ASGD's average set in after some steps: a second capture.
    check_alike(build, 20, {"radam": 10, "asgd": 12}.get(name, 5))


SCHEDULES = {
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10),
    "warm restarts": lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 5),
    "one cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=40),
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda epoch: 0.95**epoch),
    "sequential": lambda o: torch.optim.lr_scheduler.SequentialLR(
        o,
        [torch.optim.lr_scheduler.ConstantLR(o, 0.1, 5), torch.optim.lr_scheduler.ExponentialLR(o, 0.9)],
        milestones=[5],
    ),
}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name, inside):
    def build(compile):
        model, data = net(), batches()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
        schedule = SCHEDULES[name](optimizer)

        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            if inside:
                schedule.step()
            return loss

        train = compile(train)

        def step(i):
            loss = train(*data[i % 4])
            if not inside:
                schedule.step()
            return loss, schedule.get_last_lr(), schedule.last_epoch, optimizer.param_groups[0]["lr"]

        return step, state_of(model, optimizer)

    check_alike(build)


def test_dropout_and_batch_norm():
    def build(compile):
        model, data = net(dropout=0.3, norm=True), batches()
        optimizer = torch.optim.Adam(model.parameters())

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss

        return lambda i: train(*data[i % 4]), state_of(model, optimizer)

    check_alike(build)


def test_training_and_evaluation_in_turn():
    def build(compile):
        model, data = net(dropout=0.3, norm=True), batches()
        optimizer = torch.optim.Adam(model.parameters())

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss

        @compile
        @torch.no_grad()
        def evaluate(inputs, labels):
            outputs = model(inputs)
            return F.cross_entropy(outputs, labels), (outputs.argmax(1) == labels).float().mean()

        def step(i):
            model.train()
            losses = [train(*batch) for batch in data]
            model.eval()
            return losses, [evaluate(*batch) for batch in data]

        return step, state_of(model, optimizer)

    check_alike(build, 8, 3)


def test_gradient_clipping():
    def build(compile):
        model, data = net(), batches()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            return loss.detach(), norm

        return lambda i: train(*data[i % 4]), state_of(model, optimizer)

    check_alike(build)


@pytest.mark.parametrize("to_none", [True, False])
def test_gradient_accumulation(to_none):
    def build(compile):
        model, data = net(), batches()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        @compile
        def accumulate(inputs, labels):
            loss = F.cross_entropy(model(inputs), labels) / 3
            loss.backward()
            return loss

        def step(i):
            loss = accumulate(*data[i % 4])
            if i % 3 == 2:
                optimizer.step()
                optimizer.zero_grad(set_to_none=to_none)
            return loss

        return step, state_of(model, optimizer)

    check_alike(build, 20, 8)


def test_gradient_accumulation_inside():
    def build(compile):
        model, data = net(), batches()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)

        @compile
        def train(batches):
            optimizer.zero_grad()
            total = 0.0
            for inputs, labels in batches:
                loss = F.cross_entropy(model(inputs), labels) / len(batches)
                loss.backward()
                total = total + loss.detach()
            optimizer.step()
            return total

        return lambda i: train(data[i % 2 :][:2]), state_of(model, optimizer)

    check_alike(build)


def test_moving_average_of_the_parameters():
    def build(compile):
        model, data = net(), batches()
        average = copy.deepcopy(model)  # shares the values of the first moment
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for mean, p in zip(average.parameters(), model.parameters()):
                    mean.mul_(0.9).add_(p, alpha=0.1)
            return loss

        return lambda i: train(*data[i % 4]), state_of(model, optimizer), state_of(average)

    check_alike(build)


def test_averages_that_replace_data():
    def build(compile):
        model, data = net(), batches()
        average = copy.deepcopy(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            for mean, p in zip(average.parameters(), model.parameters()):
                mean.data = 0.9 * mean.data + 0.1 * p.data
            return loss

        return lambda i: train(*data[i % 4]), state_of(model, optimizer), state_of(average)

    check_alike(build)


def test_averaged_model():
    def build(compile):
        model, data = net(), batches()
        average = torch.optim.swa_utils.AveragedModel(
            model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
            average.update_parameters(model)

        return lambda i: train(*data[i % 4]), state_of(model, optimizer), state_of(average)

    check_alike(build, replayed_from=None)


def test_several_groups():
    def build(compile):
        model, data = net(), batches()
        first, last = model[0], model[-1]
        optimizer = torch.optim.Adam(
            [
                {"params": first.parameters(), "lr": 0.1, "weight_decay": 0.1},
                {"params": last.parameters(), "betas": (0.5, 0.9)},
            ],
            lr=0.01,
        )

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss

        def step(i):
            optimizer.param_groups[i % 2]["lr"] = 0.1 / (i + 1)
            return train(*data[i % 4])

        return step, state_of(model, optimizer)

    check_alike(build)


def test_two_optimizers():
    def build(compile):
        generator, critic = nn.Linear(4, 6), net()
        first = torch.optim.Adam(generator.parameters(), lr=0.01)
        second = torch.optim.RMSprop(critic.parameters(), lr=0.01)

        @compile
        def train(real):
            fake = generator(torch.randn(5, 4))
            second.zero_grad()
            loss = critic(fake.detach()).mean() - critic(real).mean()
            loss.backward()
            second.step()
            first.zero_grad()
            other = -critic(fake).mean()
            other.backward()
            first.step()
            return loss.detach(), other.detach()

        data = torch.randn(4, 5, 6)
        return lambda i: train(data[i % 4]), state_of(generator, first), state_of(critic, second)

    check_alike(build)


def test_a_closure():
    def build(compile):
        model, data = net(), batches()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        @compile
        def train(inputs, labels):
            def closure():
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), labels)
                loss.backward()
                return loss

            return optimizer.step(closure)

        return lambda i: train(*data[i % 4]), state_of(model, optimizer)

    check_alike(build)


def test_lbfgs_runs_uncaptured():
    def build(compile):
        model, data = net(), batches()
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

        @compile
        def train(inputs, labels):
            def closure():
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), labels)
                loss.backward()
                return loss

            return optimizer.step(closure)

        return lambda i: train(*data[i % 4]), state_of(model)

    check_alike(build, 6, replayed_from=None)


def test_an_optimizer_of_ones_own():
    class Own(torch.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        held = self.state[p]
                        if "v" not in held:
                            held["v"] = torch.zeros_like(p)
                        held["v"].mul_(0.9).add_(p.grad)
                        p.add_(held["v"], alpha=-group["lr"])

    def build(compile):
        model, data = net(), batches()
        optimizer = Own(model.parameters(), 0.1)

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss

        def step(i):
            if i == 10:
                optimizer.param_groups[0]["lr"] = 0.01
            return train(*data[i % 4])

        return step, state_of(model, optimizer)

    check_alike(build, 20, 13)


def test_the_optimizers_step_alone():
    def build(compile):
        model, data = net(), batches()
        optimizer = torch.optim.Adam(model.parameters())
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

        @compile
        def update():
            optimizer.step()
            schedule.step()

        def step(i):
            optimizer.zero_grad()
            F.cross_entropy(model(data[i % 4][0]), data[i % 4][1]).backward()
            return update()

        return step, state_of(model, optimizer)

    check_alike(build)


def test_checkpoints_between_steps():
    def build(compile):
        model, data = net(), batches()
        optimizer = torch.optim.Adam(model.parameters())
        kept = []

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss

        def step(i):
            if i == 8:
                kept.append(copy.deepcopy((model.state_dict(), optimizer.state_dict())))
            if i == 12:
                model.load_state_dict(kept[0][0])
                optimizer.load_state_dict(kept[0][1])
            return train(*data[i % 4])

        return step, state_of(model, optimizer)

    check_alike(build, 20, 15)


def test_a_new_learning_rate_is_no_new_capture():
    model, data = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    @torch.compile
    def train(inputs, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        train(*data[i % 4])
    assert captures(train) == 1


def test_learning_rate_as_a_tensor():
    def build(compile):
        model, data = net(), batches()
        rate = torch.tensor(0.1)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)

        @compile
        def train(inputs, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss

        def step(i):
            rate.fill_(0.1 / (i + 1))
            return train(*data[i % 4])

        return step, state_of(model)

    check_alike(build)
