"""Arrays in a safetensors file, checked before a number of them is used."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from knowtrace.errors import RunError

LARGEST_HEADER_BYTES = 2**20
"""What says where each array is: a hundred bytes an array."""

SIZE_BYTES = 8


def arrays_of(content: bytes, path: Path, *, infinite: bool = False) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors file by name; `path` is what the error calls it.

    `infinite` says whether infinity is a number there, as it is among the thresholds of a tree; NaN never is.

    Raises:
        RunError: it is no such file, its header is larger than arrays need or names one twice, or it holds numbers
            that are none.
    """
    try:
        check_header(content)
        arrays = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise RunError(f"{path} cannot be read: {error}. Train the run again or restore it.") from error
    wrong = [
        name
        for name, array in arrays.items()
        if array.dtype.kind == "f" and not (~np.isnan(array) if infinite else np.isfinite(array)).all()
    ]
    if wrong:
        raise RunError(f"{path} holds numbers that are none, in {', '.join(wrong)}. Train the run again.")
    return arrays


def check_header(content: bytes) -> None:
    """Check that the header is small, and written as safetensors writes it.

    Raises:
        ValueError: it is not.
    """
    size = int.from_bytes(content[:SIZE_BYTES], "little")
    if not 2 <= size <= min(LARGEST_HEADER_BYTES, len(content) - SIZE_BYTES):
        raise ValueError(f"a header of {size} bytes in a file of {len(content)}")
    header = content[SIZE_BYTES : SIZE_BYTES + size].rstrip(b" ")
    try:
        is_plain = orjson.dumps(orjson.loads(header)) == header
    except TypeError:
        is_plain = False  # nested more deeply than any header is
    if not is_plain:
        raise ValueError("a header that safetensors did not write")
