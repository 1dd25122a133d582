"""The laws of a response model (ADR-0001, ADR-0002), each a short function with the law as its docstring."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from knowtrace.domain import PADDING, UNKNOWN_TIME, ItemCurve
from knowtrace.models import Answer, Asked, Batch, ResponseModel
from knowtrace.models.contract import LARGEST_STATE_BYTES
from knowtrace.models.layers import scan
from knowtrace.registry import RECURRENCE, Panels, Recurrence, RecurrentSteps, StepGraphs
from knowtrace.training.export import export_steps

STUDENTS, STEPS, SKILLS = 4, 9, 3
TOLERANCE = 1e-5
UNKNOWN = torch.full((STUDENTS,), UNKNOWN_TIME)


def make_batch(model: ResponseModel, *, seed: int = 0) -> Batch:
    """Return answers of four students, no padding, with one to three skills per item."""
    rng = torch.Generator().manual_seed(seed)
    shape = (STUDENTS, STEPS)
    skills = torch.randint(1, model.sizes.num_skills, (*shape, SKILLS), generator=rng)
    width = torch.randint(1, SKILLS + 1, shape, generator=rng)
    skills = torch.where(torch.arange(SKILLS) < width.unsqueeze(-1), skills, PADDING)
    return Batch(
        items=torch.randint(1, model.sizes.num_items, shape, generator=rng),
        skills=skills,
        responses=torch.randint(0, model.sizes.num_categories, shape, generator=rng),
        valid=torch.ones(shape, dtype=torch.bool),
        targets=torch.ones(shape, dtype=torch.bool),
        lags=seconds_or_unknown(shape, 3e6, rng),
        elapsed=seconds_or_unknown(shape, 300, rng),
        groups=torch.zeros(STUDENTS, dtype=torch.long),
    )


def seconds_or_unknown(shape: tuple[int, int], most: float, rng: torch.Generator) -> torch.Tensor:
    """Return times from a second to `most`, evenly in their logarithm; a quarter of them unknown."""
    seconds = torch.exp(torch.rand(shape, generator=rng) * np.log(most))
    return torch.where(torch.rand(shape, generator=rng) < 0.25, UNKNOWN_TIME, seconds)


def probabilities(model: ResponseModel, batch: Batch) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return model(batch).softmax(-1)


def with_responses(batch: Batch, responses: torch.Tensor) -> Batch:
    return replace(batch, responses=responses)


def other_responses(model: ResponseModel, batch: Batch) -> torch.Tensor:
    """Return responses half of all categories away: a clamped filter may take neighbours for the same."""
    num_categories = model.sizes.num_categories
    return (batch.responses + num_categories // 2) % num_categories


def knows_students(model: ResponseModel) -> bool:
    return model.initial_state().shape[1] > 0


def check_shapes_and_logits(model: ResponseModel) -> None:
    """`forward` returns finite logits (B, T, K), and they are logits: not confined to [0, 1]."""
    model.eval()
    batch = make_batch(model)
    logits = model(batch)
    assert logits.shape == (STUDENTS, STEPS, model.sizes.num_categories)
    assert torch.isfinite(logits).all()
    assert not torch.allclose(logits.sum(-1), torch.ones(STUDENTS, STEPS)), (
        "these sum to 1: probabilities, not logits"
    )


def check_no_future_leak(model: ResponseModel) -> None:
    """Probabilities at step t do not move when responses and elapsed times from t on, or items, skills and lags after
    t, are changed."""
    batch, other = make_batch(model), make_batch(model, seed=1)
    before = probabilities(model, batch)
    for t in range(STEPS):
        responses = torch.cat([batch.responses[:, :t], other_responses(model, batch)[:, t:]], dim=1)
        items = torch.cat([batch.items[:, : t + 1], other.items[:, t + 1 :]], dim=1)
        skills = torch.cat([batch.skills[:, : t + 1], other.skills[:, t + 1 :]], dim=1)
        after = probabilities(
            model,
            replace(
                batch,
                items=items,
                skills=skills,
                responses=responses,
                lags=torch.cat([batch.lags[:, : t + 1], other.lags[:, t + 1 :]], dim=1),
                elapsed=torch.cat([batch.elapsed[:, :t], other.elapsed[:, t:]], dim=1),
            ),
        )
        torch.testing.assert_close(after[:, t], before[:, t], atol=TOLERANCE, rtol=0)


def check_history_matters(model: ResponseModel) -> None:
    """Probabilities at step t move when response t - 1 is changed: the last answer is not a step late."""
    if not knows_students(model):
        return
    batch = make_batch(model)
    # One skill everywhere, so that a model which keeps skills apart still has to react.
    skills = torch.zeros_like(batch.skills)
    skills[..., 0] = 2
    batch = replace(batch, skills=skills)
    before = probabilities(model, batch)
    for t in range(1, STEPS):
        responses = batch.responses.clone()
        responses[:, t - 1] = other_responses(model, batch)[:, t - 1]
        after = probabilities(model, with_responses(batch, responses))
        moved = (after[:, t] - before[:, t]).abs().amax(-1)
        assert (moved > 1e-7).all(), f"step {t} does not react to the response at step {t - 1}"


def check_asked_item_matters(model: ResponseModel) -> None:
    """Probabilities at step t move when the item asked at t is changed, and two candidates can differ.

    A model that says it reads no items must tell the asked skills apart instead.
    """
    batch = make_batch(model)
    before = probabilities(model, batch)
    last = STEPS - 1
    if not model.reads_items:
        _check_asked_skill_matters(model, batch)
        return
    items = batch.items.clone()
    items[:, last] = batch.items[:, last] % (model.sizes.num_items - 1) + 1
    after = probabilities(model, replace(batch, items=items))
    assert ((after[:, last] - before[:, last]).abs().amax(-1) > 1e-7).all()
    with torch.no_grad():
        candidates = torch.arange(1, 6).unsqueeze(0)
        same_skill = torch.zeros(1, 5, SKILLS, dtype=torch.long)
        same_skill[..., 0] = 2
        answered = model.predict(model.initial_state(), Asked(candidates, same_skill, UNKNOWN[:1]))
    assert answered[0, :, -1].unique().numel() > 1, "all candidate items get the same probability"


def _check_asked_skill_matters(model: ResponseModel, batch: Batch) -> None:
    """After answers in one skill, items of that skill and of another get different probabilities."""
    state = model.initial_state()
    with torch.no_grad():
        for _ in range(3):
            answer = batch.answer_at(0)
            skills = torch.tensor([[2] + [PADDING] * (SKILLS - 1)])
            right = torch.tensor([model.sizes.num_categories - 1])
            one = UNKNOWN[:1]
            state = model.observe(state, Answer(answer.items[:1], skills, right, one, one))
        candidates = torch.tensor([[[2] + [PADDING] * (SKILLS - 1), [3] + [PADDING] * (SKILLS - 1)]])
        answered = model.predict(state, Asked(torch.ones(1, 2, dtype=torch.long), candidates, UNKNOWN[:1]))
    assert (answered[0, 0] - answered[0, 1]).abs().max() > 1e-4, "all skills get the same probability"


def check_padding_is_inert(model: ResponseModel) -> None:
    """Padding a batch, in steps and in skills, changes no probability of a real step, before and after learning."""
    batch = make_batch(model)
    _check_padding(model, batch)
    if list(model.parameters()):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        F.cross_entropy(model(batch).flatten(0, 1), batch.responses.flatten()).backward()
        optimizer.step()
        _check_padding(model, batch)


def _check_padding(model: ResponseModel, batch: Batch) -> None:
    before = probabilities(model, batch)
    padded = Batch(
        items=F.pad(batch.items, (0, 4)),
        skills=F.pad(batch.skills, (0, 2, 0, 4)),
        responses=F.pad(batch.responses, (0, 4)),
        valid=F.pad(batch.valid, (0, 4)),
        targets=F.pad(batch.targets, (0, 4)),
        lags=F.pad(batch.lags, (0, 4), value=UNKNOWN_TIME),
        elapsed=F.pad(batch.elapsed, (0, 4), value=UNKNOWN_TIME),
        groups=batch.groups,
    )
    after = probabilities(model, padded)[:, :STEPS]
    torch.testing.assert_close(after, before, atol=TOLERANCE, rtol=0)


def check_parallel_equals_steps(model: ResponseModel) -> None:
    """`forward` agrees with `predict` and `observe` applied step by step."""
    batch = make_batch(model)
    model.eval()
    with torch.no_grad():
        stepped = scan(model, batch)
    torch.testing.assert_close(stepped, probabilities(model, batch), atol=TOLERANCE, rtol=0)


def check_predict_returns_probabilities(model: ResponseModel) -> None:
    """`predict` returns (B, N, K) probabilities: within [0, 1], summing to 1."""
    batch = make_batch(model)
    with torch.no_grad():
        p = model.predict(model.initial_state(STUDENTS), Asked(batch.items, batch.skills, UNKNOWN))
    assert p.shape == (STUDENTS, STEPS, model.sizes.num_categories)
    assert ((p >= 0) & (p <= 1)).all()
    torch.testing.assert_close(p.sum(-1), torch.ones(STUDENTS, STEPS), atol=1e-6, rtol=0)


def check_every_parameter_learns(model: ResponseModel) -> None:
    """After one backward pass of the training loss every parameter has a gradient that is not all zero."""
    if not list(model.parameters()):
        return
    model.train()
    torch.manual_seed(0)
    model.loss(make_batch(model)).backward()
    dead = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not dead, f"no gradient reaches {dead}"


def check_state_is_constant(model: ResponseModel) -> None:
    """`observe` returns a new state of the same size, within its limit, and leaves the old one as it was."""
    batch = make_batch(model)
    with torch.no_grad():
        state = model.initial_state(STUDENTS)
        kept = state.clone()
        after = model.observe(state, batch.answer_at(0))
    assert after.shape == state.shape
    assert state[0].numel() * 4 <= LARGEST_STATE_BYTES
    torch.testing.assert_close(state, kept, atol=0, rtol=0)


def check_saving_changes_nothing(model: ResponseModel) -> None:
    """Weights written to safetensors and read back give the same probabilities, bit for bit."""
    batch = make_batch(model)
    before = probabilities(model, batch)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file(model.state_dict(), path)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(1.0)
        model.load_state_dict(load_file(path))
    torch.testing.assert_close(probabilities(model, batch), before, atol=0, rtol=0)


def check_exported_steps_agree(model: ResponseModel) -> None:
    """The exported ONNX step graphs give what `forward` gives, for any number of asked items."""
    batch = make_batch(model)
    expected = probabilities(model, batch)[0].numpy()
    with TemporaryDirectory() as folder:
        export_steps(model, panels_of(batch), Path(folder))
        forms: list[StepGraphs | RecurrentSteps] = [StepGraphs(Path(folder))]
        if (Path(folder) / RECURRENCE).is_file():
            path = Path(folder) / RECURRENCE
            arrays = Recurrence.of(path.read_bytes(), path)
            forms.append(RecurrentSteps(arrays, panels_of(batch)))
    for steps in forms:
        _check_steps(model, steps, batch, expected)


def _check_steps(
    model: ResponseModel, steps: StepGraphs | RecurrentSteps, batch: Batch, expected: np.ndarray
) -> None:
    with torch.no_grad():
        state = model.initial_state()[0].numpy()
    items, skills = batch.items[0].numpy(), batch.skills[0].numpy()
    for t in range(STEPS):
        lag, elapsed = float(batch.lags[0, t]), float(batch.elapsed[0, t])
        asked = steps.predict(state, items[t:], skills[t:], lag=lag)
        np.testing.assert_allclose(asked[0], expected[t], atol=TOLERANCE)
        answered = (state, int(items[t]), skills[t].tolist(), int(batch.responses[0, t]))
        state, after = steps.answer(
            *answered, asked=panels_of(batch), lag=lag, elapsed=elapsed, asked_lag=lag
        )
        np.testing.assert_allclose(state, steps.observe(*answered, lag=lag, elapsed=elapsed), atol=TOLERANCE)
        now = steps.predict(state, items, skills, lag=lag)
        np.testing.assert_allclose(after, now, atol=TOLERANCE)
        np.testing.assert_allclose(steps.mastery(state, lag=lag), now, atol=TOLERANCE)


def panels_of(batch: Batch) -> Panels:
    """Return one panel of all items that a batch's first student is asked."""
    items, skills = batch.items[0].numpy(), batch.skills[0].numpy()
    return Panels(items, skills, np.array([len(items)]), np.array([len(items)]), np.arange(len(items)))


def check_item_curves_are_curves(model: ResponseModel) -> None:
    """A model that gives items' curves gives one for every index: finite, rising, with a chance to guess below 1."""
    skills = torch.zeros(model.sizes.num_items, SKILLS, dtype=torch.long)
    skills[PADDING + 1 :, 0] = 1
    with torch.no_grad():
        curves = model.eval().item_curves(skills)
    if curves is None:
        return
    assert set(curves) == set(ItemCurve._fields)
    for values in curves.values():
        assert values.shape == (model.sizes.num_items,)
        assert torch.isfinite(values).all()
    assert (curves["discrimination"] > 0).all()
    assert ((curves["guessing"] >= 0) & (curves["guessing"] < 1)).all()


CHECKS = [value for name, value in dict(globals()).items() if name.startswith("check_")]
