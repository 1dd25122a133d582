"""A run folder vouches for every byte, and hostile bytes are refused without being run."""

import json
import os
import pickle
import pickletools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors
import torch
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save_file

from knowtrace.errors import RunError
from knowtrace.registry import (
    RECURRENCE,
    Recurrence,
    RecurrentSteps,
    Run,
    StepGraphs,
    seal_run,
    write_json,
)
from knowtrace.registry import run as registry_run
from knowtrace.registry.manifest import FILES, LARGEST_MANIFEST_BYTES, MANIFEST
from knowtrace.tracing import Tracer
from knowtrace.training import load_model


@pytest.fixture
def copy(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


@pytest.fixture
def graphs_alone(copy: Path) -> Path:
    """A run of a model that has no faster form than its graphs."""
    (copy / RECURRENCE).unlink()
    return copy


@pytest.fixture
def nothing_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every reader of a run's content fail the test."""

    def opened(*_: object, **__: object) -> None:
        pytest.fail("a file was opened before the run was verified")

    for module, name in (
        (registry_run, "json_of"),
        (registry_run, "arrays_of"),
        (registry_run, "StepGraphs"),
        (registry_run, "Recurrence"),
        (onnxruntime, "InferenceSession"),
        (safetensors, "safe_open"),
    ):
        monkeypatch.setattr(module, name, opened)


def refused(path: Path) -> str:
    with pytest.raises(RunError) as raised:
        Run.open(path)
    return str(raised.value)


def rewrite_manifest(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((run / MANIFEST).read_bytes())
    change(manifest)
    write_json(run / MANIFEST, manifest)


def test_a_sealed_run_opens_and_its_version_is_of_its_content(tiny_run: Path, copy: Path) -> None:
    assert Run.open(copy).version == Run.open(tiny_run).version
    (copy / "metrics.json").write_text("{}")
    assert seal_run(copy).version != Run.open(tiny_run).version


@pytest.mark.usefixtures("nothing_opened")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_one_altered_byte_is_refused(copy: Path, name: str, where: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[{"first": 0, "middle": len(content) // 2, "last": -1}[where]] ^= 1
    (copy / name).write_bytes(content)
    assert f"{name} has another SHA-256" in refused(copy)


@pytest.mark.usefixtures("nothing_opened")
@pytest.mark.parametrize("name", FILES)
def test_a_missing_truncated_or_linked_file_is_refused(copy: Path, name: str, tiny_run: Path) -> None:
    path = copy / name
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{name} has " in refused(copy)
    path.unlink()
    assert f"{name} is missing" in refused(copy)
    path.symlink_to(tiny_run / name)
    assert f"{name} is missing" in refused(copy)
    path.unlink()
    path.mkdir()
    assert f"{name} is missing" in refused(copy)


@pytest.mark.usefixtures("nothing_opened")
def test_swapped_files_are_refused(copy: Path) -> None:
    observe, predict = copy / "observe.onnx", copy / "predict.onnx"
    content = observe.read_bytes()
    observe.write_bytes(predict.read_bytes())
    predict.write_bytes(content)
    text = refused(copy)
    assert "observe.onnx" in text
    assert "predict.onnx" in text


def test_a_folder_without_a_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    assert "manifest.json is missing. Run `knowtrace train" in refused(tmp_path)
    assert "manifest.json is missing" in refused(tmp_path / "nowhere")


@pytest.mark.usefixtures("nothing_opened")
@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b'{"format": 1}', b'{"format": 1, "files": {}}', b"[" * 9000, b"\x80\x04."],
)
def test_what_is_no_manifest_is_refused(copy: Path, content: bytes) -> None:
    (copy / MANIFEST).write_bytes(content)
    assert "Train the run again" in refused(copy)


@pytest.mark.usefixtures("nothing_opened")
def test_an_absurd_manifest_is_refused(copy: Path) -> None:
    rewrite_manifest(copy, lambda m: m["files"]["config.json"].update(bytes=2**62))
    assert "the manifest says 4611686018427387904" in refused(copy)
    rewrite_manifest(copy, lambda m: m["files"].update({"config.json": 3}))
    assert "config.json is not in the manifest" in refused(copy)
    rewrite_manifest(copy, lambda m: m.update(files={}))
    assert all(f"{name} is not in the manifest" in refused(copy) for name in FILES)
    (copy / MANIFEST).write_bytes(b" " * (LARGEST_MANIFEST_BYTES + 1))
    assert "this is no manifest.json of ours" in refused(copy)


def test_a_path_in_the_manifest_leads_nowhere(copy: Path, tmp_path: Path) -> None:
    """Names of the manifest are looked up, never followed: a run's files are a fixed list."""
    (tmp_path / "outside").write_bytes(b"x")
    sealed = (copy / MANIFEST).read_bytes()
    for name in ("../outside", "/etc/passwd", "config.json\u200b", "extra.bin"):
        rewrite_manifest(copy, lambda m, name=name: m["files"].update({name: {"bytes": 1, "sha256": "0"}}))
        assert f"{name!r} is no file of a run" in refused(copy)
        (copy / MANIFEST).write_bytes(sealed)

    def only_outside(manifest: dict[str, Any]) -> None:
        manifest["files"]["../run/config.json"] = manifest["files"].pop("config.json")

    rewrite_manifest(copy, only_outside)
    assert "config.json is not in the manifest" in refused(copy)


def test_a_manifest_in_other_words_is_refused(copy: Path) -> None:
    """What says the same to one reader may say something else to another: a name twice, an escape."""
    sealed = (copy / MANIFEST).read_bytes()
    for other in (
        sealed.replace(b'"format": 3', b'"format": 1,\n  "format": 3'),
        sealed.replace(b'"config.json"', b'"config.j\\u0073on"'),
        sealed + b" ",
        b"\xef\xbb\xbf" + sealed,
    ):
        (copy / MANIFEST).write_bytes(other)
        assert "Train the run again" in refused(copy)


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
def test_a_pipe_in_place_of_a_file_is_refused_at_once(copy: Path, name: str) -> None:
    (copy / name).unlink()
    os.mkfifo(copy / name)
    assert name in refused(copy)


def test_a_file_changed_after_it_was_checked_is_refused(copy: Path) -> None:
    """What is used is what was hashed: nothing is read a second time unchecked."""
    for name, use_it in (
        ("vocabulary.json", lambda run: run.vocabulary),
        ("metrics.json", lambda run: run.metrics),
        ("serving.safetensors", lambda run: run.initial_state),
        (RECURRENCE, lambda run: run.steps()),
        ("model.safetensors", load_model),
    ):
        run = Run.open(copy)
        sealed = (copy / name).read_bytes()
        (copy / name).write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        with pytest.raises(RunError, match=rf"{name} was changed after it was checked"):
            use_it(run)
        (copy / name).write_bytes(sealed)


class Executes:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def graph(nodes: list[Any], tensors: list[Any] = (), domains: tuple[str, ...] = ("",)) -> bytes:  # type: ignore[assignment]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy")
    opsets = [helper.make_opsetid(domain, 18 if not domain else 1) for domain in domains]
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], list(tensors)), opset_imports=opsets)
    model.ir_version = 9
    return model.SerializeToString()


def reads_another_file(location: str) -> bytes:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4], [0.0] * 4)
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", "16")):
        weight.external_data.add(key=key, value=value)
    return graph([helper.make_node("Add", ["x", "w"], ["y"])], [weight])


def asks_for_ten_terabytes() -> bytes:
    size = helper.make_tensor("s", TensorProto.INT64, [1], [10**13])
    return graph(
        [
            helper.make_node("ConstantOfShape", ["s"], ["c"]),
            helper.make_node("ReduceSum", ["c"], ["sum"]),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ],
        [size],
    )


def use(run: Path) -> None:
    """Do everything that serving and evaluation do with a run."""
    opened = seal_run(run)
    load_model(opened)
    tracer = Tracer(opened)
    tracer.mastery(tracer.start())


GRAPHS = {
    "empty": b"",
    "custom operator": graph([helper.make_node("Evil", ["x"], ["y"], domain="evil")], domains=("", "evil")),
    "another step": graph([helper.make_node("Relu", ["x"], ["y"])]),
    "file beside it": reads_another_file("side.bin"),
    "file elsewhere": reads_another_file("../../../../../../../../etc/passwd"),
    "ten terabytes": asks_for_ten_terabytes(),
}


@pytest.mark.parametrize("content", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("name", ["observe.onnx", "predict.onnx", "answer.onnx", "mastery.onnx"])
def test_a_sealed_graph_that_is_no_step_is_refused(graphs_alone: Path, name: str, content: bytes) -> None:
    (graphs_alone / name).write_bytes(content)
    (graphs_alone / "side.bin").write_bytes(bytes(16))
    with pytest.raises(RunError):
        use(graphs_alone)


@pytest.mark.parametrize("name", [name for name in FILES if name != "metrics.json"])
def test_a_sealed_pickle_is_refused_and_not_run(graphs_alone: Path, name: str, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    torch.save(Executes(marker), graphs_alone / name)
    with pytest.raises(RunError):
        use(graphs_alone)
    (graphs_alone / name).write_bytes(pickle.dumps(Executes(marker)))
    with pytest.raises(RunError):
        use(graphs_alone)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json"])
@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b"null",
        b'{"model": 3}',
        b'{"model": {"name": "dkt"}}',
        b'{"items": [[1]]}',
        b"[" * 9000,
        b"\xff",
    ],
)
def test_sealed_json_of_another_shape_is_refused(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises(RunError):
        use(copy)


def test_sealed_tensors_of_another_shape_are_refused(copy: Path, opened_run: Run) -> None:
    kept = {name: (copy / name).read_bytes() for name in ("model.safetensors", "serving.safetensors")}
    intervals = opened_run.intervals
    serving = {
        "initial_state": opened_run.initial_state,
        **opened_run.panels.to_arrays(),
        "level": np.array([0.9]),
        "evidence_from": intervals.evidence_from,
        "grid": intervals.grid,
        "low": intervals.low,
        "high": intervals.high,
    }
    for name, changed in (
        ("model.safetensors", {"weight": np.ones(3)}),
        ("serving.safetensors", {"weight": np.ones(3)}),
        ("serving.safetensors", serving | {"initial_state": np.zeros(7, np.float32)}),
        ("serving.safetensors", serving | {"initial_state": opened_run.initial_state.astype(np.float64)}),
        ("serving.safetensors", serving | {"low": np.ascontiguousarray(intervals.low[:, 1:])}),
        ("serving.safetensors", serving | {"level": np.zeros(0)}),
        ("serving.safetensors", serving | {"panel_items": np.ones(3, np.int64)}),
        ("serving.safetensors", serving | opened_run.panels.take([0]).to_arrays()),
    ):
        save_file(changed, copy / name)
        with pytest.raises(RunError):
            use(copy)
        (copy / name).write_bytes(kept[name])
    use(copy)


@pytest.mark.parametrize("header", [(2**62).to_bytes(8, "little"), (2**26).to_bytes(8, "little"), b""])
@pytest.mark.parametrize("name", ["model.safetensors", "serving.safetensors"])
def test_a_sealed_safetensors_file_with_an_absurd_header_is_refused(
    copy: Path, name: str, header: bytes
) -> None:
    (copy / name).write_bytes(header + b"{}")
    with pytest.raises(RunError):
        use(copy)


def test_no_file_of_a_run_is_a_pickle_or_an_archive(tiny_run: Path) -> None:
    for path in sorted(tiny_run.iterdir()):
        content = path.read_bytes()
        assert not content.startswith((b"PK", b"\x80")), path.name
        with pytest.raises((ValueError, IndexError, UnicodeDecodeError)):
            list(pickletools.genops(content))
    onnx.checker.check_model(str(tiny_run / "predict.onnx"))


def test_sealing_names_every_missing_file(copy: Path) -> None:
    (copy / "config.json").unlink()
    (copy / "predict.onnx").unlink()
    with pytest.raises(RunError, match=r"config\.json, predict\.onnx missing"):
        seal_run(copy)


def test_a_kill_while_the_manifest_is_written_leaves_no_half_of_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / MANIFEST).unlink()

    def killed(path: Path, _content: object) -> None:
        path.write_bytes(b'{"format": 1, "fi')
        raise KeyboardInterrupt

    monkeypatch.setattr(registry_run, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        seal_run(copy)
    assert not (copy / MANIFEST).exists()


def test_an_altered_recurrence_is_refused_unopened(copy: Path, nothing_opened: None) -> None:
    path = copy / RECURRENCE
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert RECURRENCE in refused(copy)


def test_a_recurrence_that_no_manifest_vouches_for_is_left_alone(copy: Path) -> None:
    rewrite_manifest(copy, lambda manifest: manifest["files"].pop(RECURRENCE))
    (copy / RECURRENCE).write_bytes(b"anything")
    assert isinstance(Run.open(copy).steps(), StepGraphs)


def test_both_forms_of_the_steps_agree_on_random_students(tiny_run: Path) -> None:
    run = Run.open(tiny_run)
    served, graphs = run.steps(), StepGraphs(tiny_run)
    assert isinstance(served, RecurrentSteps)
    rng = np.random.default_rng(5)
    one = other = run.initial_state
    for _ in range(300):
        items = rng.integers(0, run.vocabulary.num_item_indices, 7)
        skills = rng.integers(0, run.vocabulary.num_skill_indices, (7, run.vocabulary.skills_per_item))
        answered = int(items[0]), skills[0].tolist(), int(rng.integers(2))
        one, other = served.observe(one, *answered), graphs.observe(other, *answered)
        np.testing.assert_allclose(one, other, atol=1e-5)
        np.testing.assert_allclose(
            served.predict(one, items, skills), graphs.predict(other, items, skills), atol=1e-5
        )
        np.testing.assert_allclose(served.mastery(one), graphs.mastery(other), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("known"), "known is missing"),
        (lambda arrays: arrays.update(out=arrays["out"][:-1]), r"out has shape \(15,\)"),
        (lambda arrays: arrays.update(known=arrays["known"].astype(np.float64)), "not in float32"),
    ],
)
def test_arrays_that_are_no_recurrence_are_refused(
    tiny_run: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    arrays = load_file(tiny_run / RECURRENCE)
    change(arrays)
    save_file(arrays, tmp_path / RECURRENCE)
    with pytest.raises(RunError, match=said):
        Recurrence.of((tmp_path / RECURRENCE).read_bytes(), tmp_path / RECURRENCE)
