"""Some hostile runs of every kind, each opened in a process of its own: all refused, nothing of them run.

`benchmarks/hostile_runs.py` tries hundreds more.
"""

import math
import os
import shutil
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from knowtrace.errors import RunError
from knowtrace.registry import Run, seal_run
from knowtrace.registry.graphs import check_graph
from knowtrace.registry.signing import make_keys, sign
from knowtrace.registry.trial import try_out
from registry.hostile import Variant, Verdict, judge
from registry.hostile_kinds import KINDS, variants

MOST_MEGABYTES = 200
SEED = 5


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("trusted", "stranger"):
        make_keys(folder / name, folder / f"{name}.pub")
    return folder


@pytest.fixture(scope="module")
def signed(tiny_run: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("signed") / "run"))
    sign(folder, keys / "trusted")
    return Run.open(folder)


def tried(variant: Variant, signed: Run, keys: Path, work: Path) -> Verdict:
    folder = work / signed.version
    shutil.copytree(signed.path, folder, copy_function=os.link)
    variant.make(folder)
    return judge(variant, folder, keys / "trusted.pub", version=signed.version)


def tried_drawn(number: int, signed: Run, keys: Path, work: Path) -> dict[tuple[str, str], Verdict]:
    return {
        (variant.kind, variant.name): tried(variant, signed, keys, work / str(place))
        for place, variant in enumerate(variants(number, seed=SEED, keys=keys))
    }


def test_the_run_itself_opens(signed: Run, keys: Path, tmp_path: Path) -> None:
    verdict = tried(Variant("whole", "whole", lambda _: None), signed, keys, tmp_path)
    assert (verdict.outcome, verdict.did) == ("opened", ()), verdict


def test_thirty_eight_hostile_runs_are_refused(signed: Run, keys: Path, tmp_path: Path) -> None:
    # A fork of a process that has used obstore waits for threads that it does not have: fork a fresh one.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        verdicts = fresh.submit(tried_drawn, 2 * len(KINDS), signed, keys, tmp_path).result()
    assert len(verdicts) == 38
    wrong = {
        name: verdict
        for name, verdict in verdicts.items()
        if verdict.outcome != "refused" or verdict.did or not verdict.megabytes < MOST_MEGABYTES
    }
    assert not wrong


def test_a_crash_would_be_seen(signed: Run, keys: Path, tmp_path: Path) -> None:
    """The judge sees what it is there to see: a process that dies, code that runs, an error of somebody else's."""
    crashing = Variant("x", "x", lambda _: None, between=lambda _: os.kill(os.getpid(), signal.SIGKILL))
    assert tried(crashing, signed, keys, tmp_path / "1").said == "SIGKILL"

    def raises(_: Path) -> None:
        raise ValueError("not ours")

    failing = Variant("x", "x", lambda _: None, between=raises)
    assert tried(failing, signed, keys, tmp_path / "2").outcome == "failed"
    assert math.isfinite(tried(failing, signed, keys, tmp_path / "3").megabytes)


def test_a_run_whose_graphs_disagree_does_not_stand_its_trial(signed: Run, tmp_path: Path) -> None:
    try_out(signed.path)
    copy = Path(shutil.copytree(signed.path, tmp_path / "copy"))
    graph = onnx.load(copy / "mastery.onnx")
    for tensor in graph.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) / 2, tensor.name))
    onnx.save(graph, copy / "mastery.onnx")
    seal_run(copy)
    with pytest.raises(RunError, match="does not stand its trial: Its graphs do not agree"):
        try_out(copy)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds 0 graphs"),
        (b"\x3a\x00\x3a\x00", "holds 2 graphs"),
        (b"\x3a\x05\x00", "ends in the middle"),
        (b"\xff" * 20, "no ONNX file"),
        (b"\x3b\x00", "no ONNX file"),
        (b"\x38\x01", "no ONNX file"),
        (b"\x3a\x00\xca\x01\x00", "functions of its own"),
        (b"\x3a\x08\x0a\x06\x22\x04Loop", "operator 'Loop'"),
        (b"\x3a\x0c\x0a\x0a\x22\x03Add\x3a\x03ai.", "operator 'Add' of 'ai.'"),
        (b"\x3a\x07\x2a\x05\x08\x80\x01\x10\x01", "shape (128,) has 0 bytes"),
        (b"\x3a\x04\x2a\x02\x70\x01", "in another file"),
        (b"\x3a\x09\x0a\x07\x22\x01E\x2a\x02\x32\x00", "more than numbers and texts"),
    ],
)
def test_a_graph_is_judged_by_its_bytes(content: bytes, said: str) -> None:
    """Messages by hand, field by field: https://protobuf.dev/programming-guides/encoding/ and onnx.proto."""
    with pytest.raises(RunError) as raised:
        check_graph(content, Path("x.onnx"))
    assert said in str(raised.value)
