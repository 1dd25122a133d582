"""Answer the protocol from one computation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from knowtrace.domain import UNKNOWN_TIME, Interaction
from knowtrace.errors import NotFoundError
from knowtrace.service.classroom import Classroom
from knowtrace.service.fields import Timestamp
from knowtrace.service.inference.computing import AskedItem, Inference, PastAnswer, history_of
from knowtrace.service.inference.schemas import (
    Datatype,
    InferRequest,
    InferResponse,
    ModelMetadata,
    OutputTensor,
    Parameters,
    TensorMetadata,
)
from knowtrace.service.inference.tensors import ASKED, HISTORY, INPUTS, NO_TEXT, TensorsError, read_tensors
from knowtrace.service.lineup import Lineup
from knowtrace.tracing import Tracer

PLATFORM = "onnxruntime_onnx"
OPTIONAL = {"optional": True}
_TIME: TypeAdapter[datetime] = TypeAdapter(Timestamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output: its sizes for a model, -1 where they vary, and how its data come out of an inference."""

    datatype: Datatype
    shape: Callable[[Tracer], list[int]]
    data: Callable[[Inference], list[float] | list[str]]


OUTPUTS = {
    "expected_success": Output(
        datatype="FP32", shape=lambda _: [-1], data=lambda inference: inference.expected_success
    ),
    "probabilities": Output(
        datatype="FP32",
        shape=lambda tracer: [-1, tracer.vocabulary.num_categories],
        data=lambda inference: inference.probabilities.ravel().tolist(),
    ),
    "mastery": Output(
        datatype="FP64",
        shape=lambda tracer: [len(tracer.vocabulary.skill_ids)],
        data=lambda inference: list(inference.mastery.values()),
    ),
    "mastery_skill_id": Output(
        datatype="BYTES",
        shape=lambda tracer: [len(tracer.vocabulary.skill_ids)],
        data=lambda inference: list(inference.mastery),
    ),
}


def named(lineup: Lineup, model: str, version: str | None = None) -> Tracer:
    """Return the loaded model of a name and, if one is asked for, a version; the champion before others.

    Raises:
        NotFoundError: none of that name is loaded, or not in that version.
    """
    loaded = [lineup.champion.tracer, *(kept.tracer for kept in lineup.loaded)]
    of_name = [tracer for tracer in loaded if tracer.name == model]
    if not of_name:
        names = ", ".join(sorted({tracer.name for tracer in loaded}))
        raise NotFoundError(f"No model {model!r} is loaded. Loaded: {names}.")
    for tracer in of_name:
        if version in {None, tracer.version}:
            return tracer
    versions = ", ".join(dict.fromkeys(tracer.version for tracer in of_name))
    raise NotFoundError(f"No version {version!r} of {model} is loaded. Loaded: {versions}.")


def metadata(tracer: Tracer) -> ModelMetadata:
    return ModelMetadata(
        name=tracer.name,
        versions=[tracer.version],
        platform=PLATFORM,
        inputs=[
            TensorMetadata(
                name=spec.name, datatype=spec.datatype, shape=[-1] * len(spec.most), parameters=OPTIONAL
            )
            for spec in INPUTS.values()
        ],
        outputs=[
            TensorMetadata(name=name, datatype=output.datatype, shape=output.shape(tracer))
            for name, output in OUTPUTS.items()
        ],
    )


async def infer(classroom: Classroom, asked: InferRequest) -> InferResponse:
    """Return the outputs asked for.

    Raises:
        TensorsError: the tensors are not what the metadata say.
        RejectedError: an answer of the history breaks a rule.
    """
    tracer = classroom.tracer
    names = _output_names(asked)
    inference, outputs = await tracer.threads.run(_infer, tracer, asked, names)
    answer = InferResponse(
        model_name=tracer.name,
        model_version=tracer.version,
        parameters={"degraded": classroom.is_degraded, "num_answers": inference.state.num_answers},
        outputs=outputs,
    )
    return answer if asked.id is None else answer.model_copy(update={"id": asked.id})


def _infer(tracer: Tracer, asked: InferRequest, names: Sequence[str]) -> tuple[Inference, list[OutputTensor]]:
    inference = Inference(tracer, *_read(tracer, asked))
    return inference, _outputs(inference, names)


def _output_names(asked: InferRequest) -> list[str]:
    names = list(OUTPUTS) if asked.outputs is None else [output.name for output in asked.outputs]
    problems = [
        f"Output {name!r} is not known. Known: {', '.join(OUTPUTS)}." for name in names if name not in OUTPUTS
    ]
    if len(set(names)) < len(names):
        problems.append("An output is asked for twice: ask for each once.")
    carriers = [asked, *asked.inputs, *(asked.outputs or [])]
    if any(_wants_binary(carrier.parameters) for carrier in carriers):
        problems.append("Tensors as binary data are not taken or sent: use JSON, with binary_data false.")
    if problems:
        raise TensorsError(problems)
    return names


def _wants_binary(parameters: Parameters | None) -> bool:
    return any(name.startswith("binary_data") and bool(value) for name, value in (parameters or {}).items())


def _read(tracer: Tracer, asked: InferRequest) -> tuple[list[Interaction], list[AskedItem]]:
    tensors = read_tensors(asked.inputs)
    problems: list[str] = []
    num_answers = _length(tensors, HISTORY)
    if any(name in tensors for name in HISTORY):
        if "correct" not in tensors and "response" not in tensors:
            problems.append("The history has no responses: send correct or response.")
        problems += _unnamed(tensors, "item_id", "skill_ids", num_answers)
    num_asked = _length(tensors, ASKED)
    problems += _unnamed(tensors, "asked_item_id", "asked_skill_ids", num_asked)
    if problems:
        raise TensorsError(problems)
    answers = [_answer(tensors, number) for number in range(num_answers)]
    items = [
        AskedItem(**_names(tensors, "asked_item_id", "asked_skill_ids", number))
        for number in range(num_asked)
    ]
    return history_of(tracer, answers), items


def _length(tensors: Mapping[str, Sequence[Any]], names: Sequence[str]) -> int:
    return max((len(tensors[name]) for name in names if name in tensors), default=0)


def _unnamed(tensors: Mapping[str, Sequence[Any]], item: str, skills: str, count: int) -> list[str]:
    """Return a problem for each element that names neither an item nor a skill."""
    names = [_names(tensors, item, skills, number) for number in range(count)]
    missing = [
        number for number, name in enumerate(names) if name["item_id"] is None and not name["skill_ids"]
    ]
    if not missing:
        return []
    first = ", ".join(map(str, missing[:5]))
    return [f"{len(missing)} elements name neither {item} nor {skills}: {first}{'…' if missing[5:] else ''}."]


def _names(tensors: Mapping[str, Sequence[Any]], item: str, skills: str, number: int) -> dict[str, Any]:
    item_id = tensors[item][number] if item in tensors else NO_TEXT
    row = tensors[skills][number] if skills in tensors else []
    return {
        "item_id": None if item_id == NO_TEXT else item_id,
        "skill_ids": tuple(skill_id for skill_id in row if skill_id != NO_TEXT),
    }


def _answer(tensors: Mapping[str, Sequence[Any]], number: int) -> PastAnswer:
    def value(name: str) -> Any:
        return tensors[name][number] if name in tensors else None

    seconds, time = value("elapsed_seconds"), value("answered_at")
    return PastAnswer(
        place=f"answer {number}",
        **_names(tensors, "item_id", "skill_ids", number),
        correct=value("correct"),
        response=value("response"),
        answered_at=None if time is None else _TIME.validate_python(time, strict=True),
        elapsed_seconds=None if seconds in {None, UNKNOWN_TIME} else float(seconds),
    )


def _outputs(inference: Inference, names: Sequence[str]) -> list[OutputTensor]:
    num_asked = len(inference.questions)
    return [
        OutputTensor(
            name=name,
            datatype=OUTPUTS[name].datatype,
            shape=[num_asked if size == -1 else size for size in OUTPUTS[name].shape(inference.tracer)],
            data=OUTPUTS[name].data(inference),
        )
        for name in names
    ]
