"""The messages of the Open Inference Protocol, version 2."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool

from knowtrace.service.fields import WHOLE, Id, Strict

MOST_TENSORS = 16
MOST_ELEMENTS = 200_000

Datatype = Literal["BOOL", "INT32", "FP32", "FP64", "BYTES"]
Parameters = dict[Id, StrictBool | int | float | str]
Size = Annotated[int, Field(ge=0, le=2**53), WHOLE]
Element = StrictBool | int | float | str


class InputTensor(Strict):
    """One input; `data` may be flat in row-major order, or nested as `shape` says."""

    name: Id
    shape: Annotated[list[Size], Field(max_length=8)]
    datatype: Annotated[str, Field(max_length=16)]
    parameters: Parameters | None = None
    data: Annotated[list[Element | list[Element]], Field(max_length=MOST_ELEMENTS)]


class RequestedOutput(Strict):
    """One output to return."""

    name: Id
    parameters: Parameters | None = None


class InferRequest(Strict):
    """One student: the history and the items asked, as tensors; without `outputs` all of them are returned."""

    id: Id | None = None
    parameters: Parameters | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=MOST_TENSORS)]
    outputs: Annotated[list[RequestedOutput], Field(max_length=MOST_TENSORS)] | None = None


class OutputTensor(BaseModel):
    """One output; `data` is flat, in row-major order."""

    name: str
    datatype: Datatype
    shape: list[int]
    data: list[Annotated[float, Field(allow_inf_nan=False)]] | list[str]


class InferResponse(BaseModel):
    """`id` is the request's, if it had one; `parameters` say whether a fallback answered."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, Any]
    outputs: list[OutputTensor]


class TensorMetadata(BaseModel):
    """One tensor; -1 in `shape` is a size that may vary. `parameters` say whether it may be left out."""

    name: str
    datatype: Datatype
    shape: list[int]
    parameters: dict[str, bool] | None = None


class ModelMetadata(BaseModel):
    """What a model is fed and what it returns."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(BaseModel):
    """The server; it has no extensions of the protocol."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(BaseModel):
    live: bool


class ServerReady(BaseModel):
    ready: bool


class ModelReady(BaseModel):
    name: str
    ready: bool


class InferenceError(BaseModel):
    """What went wrong, in the protocol's form; every problem of a request is named."""

    error: str
