"""What a step graph may be, read off its bytes before a runtime is given them.

An ONNX file is a protobuf message: fields of a number and a value, one after the other, some of them messages again.
Reading those takes a page, so that serving needs no library for it, and nothing is decoded that is not looked at.

A step of a model needs arithmetic, look-ups and reshaping. It needs no loop, no branch, no operator of somebody's own,
no file beside it, and no array larger than what the file itself carries.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from knowtrace.errors import RunError

OPERATORS = frozenset(
    """
    Abs Add And Cast Ceil Clip Concat Constant CumSum Div Einsum Equal Erf Exp Expand Flatten Floor Gather
    GatherElements GatherND Gemm Greater GreaterOrEqual Identity IsNaN LayerNormalization LeakyRelu Less
    LessOrEqual Log LogSoftmax MatMul Max Min Mod Mul Neg Not Or Pad Pow Reciprocal ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Round ScatterElements ScatterND Shape Sigmoid Sign
    Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze Where
    """.split()  # noqa: SIM905 - sixty words are read more easily than sixty quotes
)
"""What the graphs of our models are made of. A model that needs another one adds it here, if it only calculates."""

STANDARD = ("", "ai.onnx")
MOST_NODES = 20_000
MOST_DIMENSIONS = 8

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
VARINT_BYTES = 10

MODEL_GRAPH, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 20, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 5, 15
NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS = 5, 10
ATTRIBUTE_OTHERS = (6, 11, 14, 15, 22, 23)
"""Graphs, types and sparse tensors: nothing that a step has."""
TENSOR_DIMS, TENSOR_STRINGS, TENSOR_EXTERNAL, TENSOR_LOCATION = 1, 6, 13, 14
TENSOR_DATA = (4, 5, 7, 9, 10, 11)

Message = memoryview
Value = int | memoryview


def check_graph(content: bytes, path: Path) -> None:
    """Check that an ONNX file is a graph of plain operators that carries all of its numbers.

    Raises:
        RunError: it is not; what is wrong is named.
    """
    try:
        problems = list(dict.fromkeys(_of_model(memoryview(content))))
    except ValueError as error:
        problems = [str(error)]
    if problems:
        raise RunError(
            f"{path} is not a graph that can be run: {'; '.join(problems[:5])}. Train the run again."
        )


def _of_model(model: Message) -> Iterator[str]:
    graphs = 0
    for number, value in _fields(model):
        if number == MODEL_GRAPH:
            graphs += 1
            yield from _of_graph(_message(value))
        elif number in (MODEL_FUNCTIONS, MODEL_TRAINING):
            yield "it brings functions of its own"
    if graphs != 1:
        yield f"it holds {graphs} graphs"


def _of_graph(graph: Message) -> Iterator[str]:
    nodes = 0
    for number, value in _fields(graph):
        if number == GRAPH_NODE:
            nodes += 1
            if nodes > MOST_NODES:
                raise ValueError(f"it has more than {MOST_NODES} nodes")
            yield from _of_node(_message(value))
        elif number == GRAPH_INITIALIZER:
            yield from _of_tensor(_message(value))
        elif number == GRAPH_SPARSE:
            yield "it holds a sparse tensor"


def _of_node(node: Message) -> Iterator[str]:
    operator = domain = ""
    for number, value in _fields(node):
        if number == NODE_OPERATOR:
            operator = _text(value)
        elif number == NODE_DOMAIN:
            domain = _text(value)
        elif number == NODE_ATTRIBUTE:
            yield from _of_attribute(_message(value))
    if domain not in STANDARD or operator not in OPERATORS:
        yield f"it uses the operator {operator!r}" + (f" of {domain!r}" if domain else "")


def _of_attribute(attribute: Message) -> Iterator[str]:
    for number, value in _fields(attribute):
        if number in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
            yield from _of_tensor(_message(value))
        elif number in ATTRIBUTE_OTHERS:
            yield "a node holds more than numbers and texts"


def _of_tensor(tensor: Message) -> Iterator[str]:
    dims: list[int] = []
    carried = 0
    for number, value in _fields(tensor):
        if number == TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif number in TENSOR_DATA:
            carried += len(value) if isinstance(value, memoryview) else 1
        elif number in (TENSOR_EXTERNAL, TENSOR_LOCATION) and value != 0:
            yield "its numbers lie in another file"
        elif number == TENSOR_STRINGS:
            yield "it holds texts"
    if len(dims) > MOST_DIMENSIONS:
        yield f"a tensor has {len(dims)} dimensions"
    elif any(dim >= 2**62 for dim in dims) or math.prod(dims) > carried:
        yield f"a tensor of shape {tuple(dims)} has {carried} bytes"


def _fields(message: Message) -> Iterator[tuple[int, Value]]:
    """Yield the fields of a message, in order: number and value.

    Raises:
        ValueError: this is no message.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == LENGTH:
            size, place = _varint(message, place)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError("it is no ONNX file")
        if size > len(message) - place:
            raise ValueError("it ends in the middle of a field")
        yield number, message[place : place + size]
        place += size


def _varint(message: Message, place: int) -> tuple[int, int]:
    value = 0
    for position in range(VARINT_BYTES):
        if place + position >= len(message):
            break
        byte = message[place + position]
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, place + position + 1
    raise ValueError("it is no ONNX file")


def _packed(values: Message) -> list[int]:
    found: list[int] = []
    place = 0
    while place < len(values):
        value, place = _varint(values, place)
        found.append(value)
    return found


def _message(value: Value) -> Message:
    if isinstance(value, int):
        raise ValueError("it is no ONNX file")  # noqa: TRY004 - a file that is wrong, not a caller
    return value


def _text(value: Value) -> str:
    return bytes(_message(value)[:200]).decode("utf-8", "replace")
