"""Hostile variants of a run, drawn from a seed: the kinds in turn, as many as asked for.

Before each, the folder holds a copy that was sealed, and signed by a trusted key. A variant is then altered as it
stands, or sealed again and signed by a stranger; or, worst, sealed again and signed by the trusted key itself, so that
only what the files hold is left to refuse.
"""

import base64
import gzip
import hashlib
import io
import math
import os
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save_file

from knowtrace.registry import RECURRENCE, run_files
from knowtrace.registry.manifest import FILES, MANIFEST, json_bytes
from knowtrace.registry.signing import SIGNATURE, sign
from registry.hostile import Variant

ALL = (*FILES, RECURRENCE)
GRAPHS = tuple(name for name in FILES if name.endswith(".onnx"))
ARRAYS = ("model.safetensors", "serving.safetensors", RECURRENCE)
TEXTS = ("config.json", "vocabulary.json")
Make = Callable[[Path], object]
Drawn = Iterator[dict[str, Any]]


def variants(number: int, *, seed: int, keys: Path) -> list[Variant]:
    """Return `number` variants, the kinds in turn. `keys` holds `trusted` and `stranger`, two private keys."""
    rng = random.Random(seed)
    kinds = [(kind, _shuffled(draw(rng, keys), rng, number)) for kind, draw in KINDS.items()]
    found: list[Variant] = []
    while len(found) < number:
        for kind, drawn in kinds:
            if len(found) < number and (variant := next(drawn, None)) is not None:
                found.append(Variant(kind, **variant))
    return found


def _shuffled(drawn: Drawn, rng: random.Random, most: int) -> Drawn:
    some = list(islice(drawn, most))
    rng.shuffle(some)
    return iter(some)


def replace(path: Path, content: bytes) -> None:
    """Write a file anew: the old one may be shared with other copies."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def resealed(key: Path, change: Make) -> Make:
    """Change a run, then write a manifest and a signature that fit it. What cannot be sealed stays unsealed."""

    def make(run: Path) -> None:
        change(run)
        files = {
            name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
            for name, path in run_files(run).items()
            if path.is_file()
        }
        replace(run / MANIFEST, json_bytes({"format": 3, "files": files}))
        (run / SIGNATURE).unlink()
        sign(run, key)

    return make


def with_manifest(change: Callable[[dict[str, Any]], object], key: Path | None = None) -> Make:
    def make(run: Path) -> None:
        manifest = orjson.loads((run / MANIFEST).read_bytes())
        change(manifest)
        replace(run / MANIFEST, json_bytes(manifest))
        if key is not None:
            (run / SIGNATURE).unlink()
            sign(run, key)

    return make


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Altered as it stands: the manifest or its signature no longer fits.


def flipped(rng: random.Random, keys: Path) -> Drawn:
    while True:
        for name in (*ALL, MANIFEST, SIGNATURE):
            place, bit = rng.random(), rng.randrange(8)

            def make(run: Path, name: str = name, place: float = place, bit: int = bit) -> None:
                content = bytearray((run / name).read_bytes())
                content[int(place * len(content))] ^= 1 << bit
                replace(run / name, bytes(content))

            yield {"name": f"{name}, bit {bit} at {place:.3f}", "make": make}


def truncated(rng: random.Random, keys: Path) -> Drawn:
    while True:
        for name in (*ALL, MANIFEST, SIGNATURE):
            share = rng.random()

            def make(run: Path, name: str = name, share: float = share) -> None:
                content = (run / name).read_bytes()
                replace(run / name, content[: int(share * len(content))])

            yield {"name": f"{name} to {share:.0%}", "make": make}


def swapped(rng: random.Random, keys: Path) -> Drawn:
    while True:
        one, other = rng.sample(ALL, 2)

        def make(run: Path, one: str = one, other: str = other) -> None:
            (run / one).rename(run / "aside")
            (run / other).rename(run / one)
            (run / "aside").rename(run / other)

        yield {"name": f"{one} and {other}", "make": make}


def missing(rng: random.Random, keys: Path) -> Drawn:
    for name in (*ALL, MANIFEST, SIGNATURE):
        yield {"name": name, "make": lambda run, name=name: (run / name).unlink()}


def linked(rng: random.Random, keys: Path) -> Drawn:
    for name in (*ALL, MANIFEST, SIGNATURE):
        for where in ("/dev/zero", "/etc/passwd", "../original/{}"):

            def make(run: Path, name: str = name, where: str = where) -> None:
                target = where.format(name)
                (run.parent / "original").mkdir(exist_ok=True)
                (run / name).rename(run.parent / "original" / name)
                (run / name).symlink_to(target)

            if where.startswith("/") or name not in (MANIFEST, SIGNATURE):
                yield {"name": f"{name} to {where}", "make": make}


def no_file(rng: random.Random, keys: Path) -> Drawn:
    for name in (*ALL, MANIFEST, SIGNATURE):

        def pipe(run: Path, name: str = name) -> None:
            (run / name).unlink()
            os.mkfifo(run / name)

        def folder(run: Path, name: str = name) -> None:
            (run / name).unlink()
            (run / name).mkdir()

        yield {"name": f"{name} is a pipe", "make": pipe}
        yield {"name": f"{name} is a folder", "make": folder}


def huge(rng: random.Random, keys: Path) -> Drawn:
    for size in (2**33, 2**40):
        for name in (*ALL, MANIFEST, SIGNATURE):

            def make(run: Path, name: str = name, size: int = size) -> None:
                replace(run / name, (run / name).read_bytes())
                os.truncate(run / name, size)

            yield {"name": f"{name}, {size} bytes", "make": make}


NAMES = (
    "../outside", "/etc/passwd", "..\\outside", "config.json\u200b", "c\u043enfig.json", "CONFIG.JSON", "config.json/",
    "./config.json", "config.json\0.txt", "sub/config.json", "con\u0301fig.json", "__init__.py", "sitecustomize.py", "",
    "file:///etc/passwd", "model.pkl",
)  # fmt: skip


def manifests(key: Path | None, rng: random.Random, keys: Path) -> Drawn:
    """Manifests that say something else; signed by the trusted key where `key` is given."""
    entry = {"bytes": 1, "sha256": "0" * 64}
    for name in NAMES:
        yield {
            "name": f"also {name!r}",
            "make": with_manifest(lambda m, name=name: m["files"].update({name: entry}), key),
        }
        yield {
            "name": f"config.json is {name!r}",
            "make": with_manifest(
                lambda m, name=name: m["files"].update({name: m["files"].pop("config.json")}), key
            ),
        }
    for size in (0, -1, 2**62, 2**31, "12", 1.5, True, None, [1]):
        yield {
            "name": f"config.json of {size!r} bytes",
            "make": with_manifest(lambda m, size=size: m["files"]["config.json"].update(bytes=size), key),
        }
    for digest in ("", "0" * 64, "z" * 64, None, 0, ["0" * 64]):
        yield {
            "name": f"config.json of SHA-256 {digest!r}",
            "make": with_manifest(lambda m, d=digest: m["files"]["config.json"].update(sha256=d), key),
        }
    for change in (
        lambda m: m.update(format=2),
        lambda m: m.update(files=[]),
        lambda m: m.update(more=1),
        lambda m: m.update(files={}),
    ):
        yield {"name": "another shape", "make": with_manifest(change, key)}


def rewritten(rng: random.Random, keys: Path) -> Drawn:
    """Manifests that say the same in other words, signed by the trusted key: a name twice, escapes, spaces."""
    for number, change in enumerate(
        (
            lambda raw: raw.replace(b'"format": 3', b'"format": 1,\n  "format": 3'),
            lambda raw: raw.replace(b'"files": {', b'"files": {},\n  "files": {'),
            lambda raw: raw.replace(b"config.json", b"config.j\\u0073on"),
            lambda raw: raw + b"\n",
            lambda raw: b"\xef\xbb\xbf" + raw,
            lambda raw: raw.decode().encode("utf-16"),
            lambda raw: b"[" * 30_000 + b"]" * 30_000,
            lambda raw: b'{"files": ' * 5_000 + b"{}" + b"}" * 5_000,
            lambda raw: raw + b" " * 2**17,
            lambda raw: b"",
            lambda raw: b"null",
            lambda raw: raw.replace(b'"bytes": ', b'"bytes": 0'),
        )
    ):

        def make(run: Path, change: Callable[[bytes], bytes] = change) -> None:
            replace(run / MANIFEST, change((run / MANIFEST).read_bytes()))
            (run / SIGNATURE).unlink()
            sign(run, keys / "trusted")

        yield {"name": f"wording {number}", "make": make}


def strangers(rng: random.Random, keys: Path) -> Drawn:
    while True:
        name, junk = rng.choice(ALL), rng.randbytes(64)
        yield {
            "name": f"{name} is noise",
            "make": resealed(keys / "stranger", lambda run, n=name, j=junk: replace(run / n, j)),
        }


def raced(rng: random.Random, keys: Path) -> Drawn:
    """Whole and signed when it is checked, another file when it is used."""
    for name in ("vocabulary.json", "metrics.json", "model.safetensors", "serving.safetensors", RECURRENCE):
        for how, content in (
            ("a pickle", pickle.dumps(_Runs())),
            ("noise", rng.randbytes(500)),
            ("nothing", b""),
            ("huge", b""),
        ):

            def between(run: Path, name: str = name, how: str = how, content: bytes = content) -> None:
                replace(run / name, content)
                if how == "huge":
                    os.truncate(run / name, 2**36)

            yield {"name": f"{name} becomes {how}", "make": lambda run: None, "between": between}

        def link(run: Path, name: str = name) -> None:
            (run / name).unlink()
            (run / name).symlink_to("/dev/zero")

        yield {"name": f"{name} becomes a link", "make": lambda run: None, "between": link}


# Sealed again and signed by the trusted key: what the files hold is all that is left to refuse.


class _Runs:
    """What a pickle would do that nobody should load."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("/tmp/hostile-code-ran",)


def _zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", pickle.dumps(_Runs()))
        archive.writestr("zeros", bytes(2**27))
    return buffer.getvalue()


def archives(rng: random.Random, keys: Path) -> Drawn:
    """Pickles and archives under the names of arrays, graphs and texts."""
    pickled = pickle.dumps(_Runs())
    contents = {
        "pickle": pickled,
        "pickle, protocol 0": pickle.dumps(_Runs(), protocol=0),
        "zip bomb": _zip_bomb(),
        "gzip bomb": gzip.compress(bytes(2**27)),
        "numpy file of objects": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        + pickled,
        "text of a pickle": base64.b64encode(pickled),
        "Python": b"import os; os.mkdir('/tmp/hostile-code-ran')\n",
        "shared library": b"\x7fELF" + rng.randbytes(500),
    }
    for how, content in contents.items():
        for name in ALL:
            yield {
                "name": f"{name} is a {how}",
                "make": resealed(keys / "trusted", lambda run, n=name, c=content: _alone(run, n, c)),
            }


def _alone(run: Path, name: str, content: bytes) -> None:
    """Replace a file; a graph is only opened where the run has no arrays in its place."""
    replace(run / name, content)
    if name in GRAPHS:
        (run / RECURRENCE).unlink()


def headers(rng: random.Random, keys: Path) -> Drawn:
    """safetensors files whose header lies."""

    def file(header: bytes, data: bytes = bytes(64), size: int | None = None) -> bytes:
        return (len(header) if size is None else size).to_bytes(8, "little") + header + data

    def one(shape: list[Any], offsets: list[Any], dtype: str = "F32", name: str = "w") -> bytes:
        return orjson.dumps({name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}})

    a = b'{"dtype":"F32","shape":[8],"data_offsets":[0,32]}'
    contents = {
        "a header of 4 EiB": file(b"{}", size=2**62),
        "a header of 64 MiB": file(b"{}", size=2**26),
        "a header beyond the end": file(b"{}", size=67),
        "no header": b"",
        "seven bytes": b"1234567",
        "an empty header": file(b""),
        "a shape larger than its data": file(one([10**6], [0, 64])),
        "a shape of 2**64": file(one([2**32, 2**32], [0, 64])),
        "a shape of 2**70": file(
            orjson.dumps({"w": {"dtype": "F32", "shape": [2**63] * 9, "data_offsets": [0, 64]}})
        ),
        "a negative shape": file(one([-1, -16], [0, 64])),
        "a shape of floats": file(one([1.5], [0, 64])),
        "offsets beyond the end": file(one([2**20], [0, 2**22])),
        "offsets backwards": file(one([16], [64, 0])),
        "negative offsets": file(one([16], [-64, 0])),
        "overlapping offsets": file(b'{"a":' + a + b',"b":' + a + b"}"),
        "a hole": file(one([8], [32, 64])),
        "an unknown type": file(one([16], [0, 64], "PICKLE")),
        "numbers of four bits": file(one([128], [0, 64], "F4")),
        "a name twice": file(b'{"w":' + a + b',"w":' + a + b"}", bytes(32)),
        "arrays nested": file(b'{"w":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
        "a million arrays": file(
            b"{"
            + b",".join(b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % n for n in range(200_000))
            + b"}",
            b"",
        ),
        "a path for a name": file(one([16], [0, 64], name="../../etc/passwd")),
        "metadata that is no text": file(b'{"__metadata__":{"format":{"a":1}}}', b""),
        "bytes after its arrays": file(one([8], [0, 32])),
    }
    for how, content in contents.items():
        for name in ARRAYS:
            yield {
                "name": f"{name}: {how}",
                "make": resealed(keys / "trusted", lambda run, n=name, c=content: replace(run / n, c)),
            }


def numbers(rng: random.Random, keys: Path) -> Drawn:
    """Arrays of the right shape that hold NaN, infinity, indices of nothing; or that have another shape or type."""

    def changed(run: Path, name: str, change: Callable[[np.ndarray], np.ndarray], which: float) -> None:
        arrays = load_file(run / name)
        names = sorted(
            k for k, v in arrays.items() if v.size and (v.dtype.kind == "f" or name != "model.safetensors")
        )
        key = names[int(which * len(names))]
        arrays[key] = change(arrays[key].copy())
        (run / name).unlink()
        save_file(arrays, run / name)

    def put(value: float, array: np.ndarray) -> np.ndarray:
        array = array if array.dtype.kind == "f" else array.astype(np.float32)
        array.flat[rng.randrange(array.size)] = value
        return array

    def indices(array: np.ndarray) -> np.ndarray:
        return (
            np.full_like(array, 2**40)
            if array.dtype.kind == "i"
            else np.full(array.shape, np.nan, array.dtype)
        )

    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "a NaN": partial(put, math.nan),
        "no number at all": lambda a: np.full(a.shape, np.nan, np.float32),
        "one row too few": lambda a: a[:-1] if len(a) > 1 else np.zeros((3, 3), a.dtype),
        "another type": lambda a: a.astype(np.int8),
        "one dimension more": lambda a: a[None],
        "indices of nothing": indices,
    }
    while True:
        for how, change in changes.items():
            for name in ARRAYS:
                which = rng.random()
                yield {
                    "name": f"{name}: {how}, at {which:.3f}",
                    "make": resealed(
                        keys / "trusted", lambda run, n=name, c=change, w=which: changed(run, n, c, w)
                    ),
                }


def _graph(run: Path, name: str, change: Callable[[onnx.ModelProto], object]) -> None:
    model = onnx.load(str(run / name), load_external_data=False)
    change(model)
    _alone(run, name, model.SerializeToString())


def _before_output(model: onnx.ModelProto, *nodes: Any, tensors: tuple[Any, ...] = ()) -> None:
    """Put nodes between a graph and its first output: they take `given` and give `made`."""
    output = model.graph.output[0].name
    for node in model.graph.node:
        for position, name in enumerate(node.output):
            if name == output:
                node.output[position] = "given"
    if not any("given" in node.output for node in model.graph.node):
        model.graph.node.append(helper.make_node("Identity", [output], ["given"]))
    model.graph.node.extend(nodes)
    model.graph.node.append(helper.make_node("Identity", ["made"], [output]))
    model.graph.initializer.extend(tensors)


def _int64(name: str, *values: int) -> Any:
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], list(values))


def _body(name: str, nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> Any:
    return helper.make_graph(nodes, name, inputs, outputs)


def _loop() -> list[Any]:
    scalar = partial(helper.make_tensor_value_info, shape=[])
    body = _body(
        "body",
        [
            helper.make_node("Identity", ["on"], ["still"]),
            helper.make_node("Identity", ["carried"], ["carries"]),
        ],
        [
            scalar("turn", TensorProto.INT64),
            scalar("on", TensorProto.BOOL),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [
            scalar("still", TensorProto.BOOL),
            helper.make_tensor_value_info("carries", TensorProto.FLOAT, None),
        ],
    )
    return [helper.make_node("Loop", ["turns", "yes", "given"], ["made"], body=body)]


def _external(model: onnx.ModelProto, location: str) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.0])
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        weight.external_data.add(key=key, value=value)
    _before_output(model, helper.make_node("Add", ["given", "w"], ["made"]), tensors=(weight,))


def _of_huge_shape(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="w", dims=[2**20, 2**20], data_type=TensorProto.FLOAT, raw_data=bytes(16))
    _before_output(model, helper.make_node("Add", ["given", "w"], ["made"]), tensors=(tensor,))


def _of_huge_rank(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="w", dims=[1] * 1_000, data_type=TensorProto.FLOAT, raw_data=bytes(4))
    _before_output(model, helper.make_node("Add", ["given", "w"], ["made"]), tensors=(tensor,))


def _function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function(
            "evil", "Add", ["x"], ["y"], [helper.make_node("Identity", ["x"], ["y"])], model.opset_import
        )
    )


def graphs(rng: random.Random, keys: Path) -> Drawn:
    """Step graphs that loop, branch, call what is not theirs, read other files, or claim what they do not carry."""
    node = helper.make_node

    def grow(model: onnx.ModelProto, operator: str) -> None:
        sizes = (_int64("huge", 2**15, 2**15, 8), helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]))
        _before_output(
            model,
            node(operator, ["one", "huge"] if operator == "Expand" else ["huge"], ["large"]),
            node("ReduceSum", ["large"], ["sum"], keepdims=0),
            node("Add", ["given", "sum"], ["made"]),
            tensors=sizes,
        )

    def tile(model: onnx.ModelProto) -> None:
        sizes = (_int64("huge", 2**33), helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]))
        _before_output(
            model,
            node("Tile", ["one", "huge"], ["large"]),
            node("ReduceSum", ["large"], ["sum"], keepdims=0),
            node("Add", ["given", "sum"], ["made"]),
            tensors=sizes,
        )

    def pad(model: onnx.ModelProto) -> None:
        sizes = (_int64("huge", 0, 2**33), helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]))
        _before_output(
            model,
            node("Pad", ["one", "huge"], ["large"]),
            node("ReduceSum", ["large"], ["sum"], keepdims=0),
            node("Add", ["given", "sum"], ["made"]),
            tensors=sizes,
        )

    def outer(model: onnx.ModelProto) -> None:
        """An array that is large only once it is multiplied out."""
        ones = helper.make_tensor("column", TensorProto.FLOAT, [60_000, 1], [1.0] * 60_000)
        _before_output(
            model,
            node("Reshape", ["column", "flat"], ["row"]),
            node("MatMul", ["column", "row"], ["large"]),
            node("ReduceSum", ["large"], ["sum"], keepdims=0),
            node("Add", ["given", "sum"], ["made"]),
            tensors=(ones, _int64("flat", 1, -1)),
        )

    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    turns = helper.make_tensor("turns", TensorProto.INT64, [], [2**62])
    nan = helper.make_tensor("nan", TensorProto.FLOAT, [1], [math.nan])
    branch = _body(
        "branch",
        [node("Identity", ["given"], ["b"])],
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    changes: dict[str, Callable[[onnx.ModelProto], object]] = {
        "an operator of its own": lambda m: _before_output(
            m, node("Evil", ["given"], ["made"], domain="evil")
        ),
        "an operator of the runtime's": lambda m: _before_output(
            m, node("FusedMatMul", ["given", "given"], ["made"], domain="com.microsoft")
        ),
        "an endless loop": lambda m: _before_output(m, *_loop(), tensors=(turns, yes)),
        "a branch": lambda m: _before_output(
            m, node("If", ["yes"], ["made"], then_branch=branch, else_branch=branch), tensors=(yes,)
        ),
        "chance": lambda m: _before_output(m, node("RandomUniformLike", ["given"], ["made"])),
        "a file beside it": lambda m: _external(m, "serving.safetensors"),
        "a file elsewhere": lambda m: _external(m, "/etc/passwd"),
        "a file above it": lambda m: _external(m, "../../../../../../etc/passwd"),
        "a tensor of 4 TiB": _of_huge_shape,
        "a tensor of a thousand dimensions": _of_huge_rank,
        "a function of its own": _function,
        "32 GiB of one number": lambda m: grow(m, "Expand"),
        "32 GiB of zeros": lambda m: grow(m, "ConstantOfShape"),
        "32 GiB of tiles": tile,
        "32 GiB of padding": pad,
        "14 GiB of products": outer,
        "numbers that are none": lambda m: _before_output(
            m, node("Add", ["given", "nan"], ["made"]), tensors=(nan,)
        ),
        "30,000 nodes": lambda m: m.graph.node.extend(
            [node("Identity", ["given"], [f"n{n}"]) for n in range(30_000)]
        ),
        "texts": lambda m: m.graph.initializer.append(
            TensorProto(name="w", dims=[1], data_type=TensorProto.STRING, string_data=[b"x"])
        ),
        "no nodes": lambda m: m.graph.ClearField("node"),
        "no inputs": lambda m: m.graph.ClearField("input"),
        "no outputs": lambda m: m.graph.ClearField("output"),
        "two graphs": lambda m: None,
    }
    for how, change in changes.items():
        for name in GRAPHS:

            def make(run: Path, name: str = name, how: str = how, change: Any = change) -> None:
                _graph(run, name, change)
                if how == "two graphs":
                    content = (run / name).read_bytes()
                    replace(run / name, content + content)

            yield {
                "name": f"{name}: {how}",
                "make": resealed(keys / "trusted", make),
                "is_on_shelf": True,
                "is_renamed": True,
            }


def broken_graphs(rng: random.Random, keys: Path) -> Drawn:
    """Step graphs cut off, or with noise in place of what says how they are built."""
    while True:
        for name in GRAPHS:
            share, noise = rng.random(), rng.randbytes(40)

            def cut(run: Path, name: str = name, share: float = share) -> None:
                content = (run / name).read_bytes()
                _alone(run, name, content[: int(share * len(content))])

            def noisy(run: Path, name: str = name, noise: bytes = noise) -> None:
                _alone(run, name, noise + (run / name).read_bytes()[40:])

            yield {"name": f"{name} cut to {share:.0%}", "make": resealed(keys / "trusted", cut)}
            yield {"name": f"{name} begins with noise", "make": resealed(keys / "trusted", noisy)}


def texts(rng: random.Random, keys: Path) -> Drawn:
    """Configurations and vocabularies that are deep, huge, doubled, or say what no model can be built for."""
    contents = {
        "deep": b"[" * 100_000 + b"]" * 100_000,
        "deep objects": b'{"model":' * 500 + b"{}" + b"}" * 500,
        "half a megabyte of lists": json_bytes([[] for _ in range(200_000)]),
        "no object": b"[]\n",
        "null": b"null\n",
        "an empty object": b"{}\n",
        "bytes that are no text": b"\xff\xfe{}",
        "half a character": b'{"model": "\\ud800"}',
        "NaN": b'{"model": NaN}',
        "a number of 10,000 digits": b'{"model": ' + b"9" * 10_000 + b"}",
        "a text of a megabyte": json_bytes({"model": {"name": "x" * 2**20}}),
    }
    for how, content in contents.items():
        for name in TEXTS:
            yield {
                "name": f"{name}: {how}",
                "make": resealed(keys / "trusted", lambda run, n=name, c=content: replace(run / n, c)),
            }
    vocabulary: dict[str, Callable[[dict[str, Any]], object]] = {
        "a billion categories": lambda v: v.update(num_categories=10**9),
        "no categories": lambda v: v.update(num_categories=0),
        "categories as text": lambda v: v.update(num_categories="2"),
        "an item twice": lambda v: v["items"].append(v["items"][0]),
        "a skill twice": lambda v: v["skill_ids"].append(v["skill_ids"][0]),
        "an item of a thousand skills": lambda v: v["items"][0].__setitem__(1, v["skill_ids"] * 200),
        "an item of a skill that is none": lambda v: v["items"][0].__setitem__(1, ["no such skill"]),
        "an item more": lambda v: v["items"].append(["new", v["skill_ids"][:1], [0, 0]]),
        "an item less": lambda v: v["items"].pop(),
        "an item whose id is a number": lambda v: v["items"][0].__setitem__(0, 7),
        "an item whose id is an object": lambda v: v["items"][0].__setitem__(0, {"a": 1}),
        "negative counts": lambda v: v["items"][0].__setitem__(2, [-5, 5]),
        "counts of three categories": lambda v: v["items"][0].__setitem__(2, [1, 1, 1]),
        "a million items": lambda v: v.update(items=[[f"{n}", [], []] for n in range(1_000_000)]),
        "names that are none": lambda v: v.update(skill_names=[1]),
        "times that are none": lambda v: v.update(has_lags="no"),
    }
    for how, change in vocabulary.items():

        def make(run: Path, change: Any = change) -> None:
            content = orjson.loads((run / "vocabulary.json").read_bytes())
            change(content)
            replace(run / "vocabulary.json", json_bytes(content))

        yield {"name": f"vocabulary.json: {how}", "make": resealed(keys / "trusted", make)}
    doubled = (b'"num_categories": 2', b'"num_categories": 2,\n  "num_categories": 2')
    yield {
        "name": "vocabulary.json: a name twice",
        "make": resealed(
            keys / "trusted",
            lambda run: replace(
                run / "vocabulary.json", (run / "vocabulary.json").read_bytes().replace(*doubled)
            ),
        ),
    }


def shelves(rng: random.Random, keys: Path) -> Drawn:
    """Runs on a shelf with files beside them, or with another manifest than their name says."""
    for name in (
        "__init__.py",
        "model.pkl",
        "sub/config.json",
        "config.json.bak",
        "\u200bconfig.json",
        "c\u043enfig.json",
    ):

        def extra(run: Path, name: str = name) -> None:
            (run / name).parent.mkdir(exist_ok=True)
            (run / name).write_bytes(b"import os\n")

        yield {"name": f"also {name!r}", "make": extra, "is_on_shelf": True}

    def many(run: Path) -> None:
        for number in range(2_000):
            (run / f"{number}.bin").write_bytes(b"")

    yield {"name": "2,000 files more", "make": many, "is_on_shelf": True}
    for size in (2**31 + 1, 2**40):

        def large(run: Path, size: int = size) -> None:
            replace(run / "model.safetensors", (run / "model.safetensors").read_bytes())
            os.truncate(run / "model.safetensors", size)

        yield {"name": f"model.safetensors of {size} bytes", "make": large, "is_on_shelf": True}
    for name in (*ALL, MANIFEST, SIGNATURE):
        yield {
            "name": f"without {name}",
            "make": lambda run, n=name: (run / n).unlink(),
            "is_on_shelf": True,
        }

        def pipe(run: Path, name: str = name) -> None:
            (run / name).unlink()
            os.mkfifo(run / name)

        yield {"name": f"{name} is a pipe", "make": pipe, "is_on_shelf": True}
    yield {
        "name": "another run under its name, signed too",
        "make": resealed(keys / "trusted", lambda run: replace(run / "metrics.json", b"{}\n")),
        "is_on_shelf": True,
    }
    yield {
        "name": "another run under its name, signed by a stranger",
        "make": resealed(keys / "stranger", lambda run: replace(run / "metrics.json", b"{}\n")),
        "is_on_shelf": True,
    }


KINDS: dict[str, Callable[[random.Random, Path], Drawn]] = {
    "a bit flipped": flipped,
    "cut off": truncated,
    "files swapped": swapped,
    "a file missing": missing,
    "a link": linked,
    "a pipe or a folder": no_file,
    "a huge file": huge,
    "a manifest edited": partial(manifests, None),
    "a manifest edited and signed": lambda rng, keys: manifests(keys / "trusted", rng, keys),
    "a manifest in other words, signed": rewritten,
    "sealed and signed by a stranger": strangers,
    "changed between check and use": raced,
    "pickles and archives, signed": archives,
    "array headers, signed": headers,
    "arrays, signed": numbers,
    "graphs, signed": graphs,
    "broken graphs, signed": broken_graphs,
    "texts, signed": texts,
    "shelves": shelves,
}
