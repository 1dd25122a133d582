"""Where arrays lie that are as long as the data: in memory, or in files that are mapped."""

import os
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from knowtrace.errors import TrainingError


@dataclass(frozen=True)
class Scratch:
    """Makes arrays in memory, or with a folder in files of it.

    Such a file has no name: the system removes it when its array is gone, however the process ends. Its pages are the
    system's to write out and to drop, so they take memory only while there is some to spare.
    """

    folder: Path | None = None

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array that nothing was written to. Raises: TrainingError when the folder's disk has no room."""
        num_bytes = prod(shape) * np.dtype(dtype).itemsize
        if self.folder is None or not num_bytes:
            return np.empty(shape, dtype)
        with tempfile.TemporaryFile(dir=self.folder) as file:
            try:
                # A mapped file without blocks of its own ends the process when the disk is full, not the write.
                os.posix_fallocate(file.fileno(), 0, num_bytes)
            except OSError as error:
                raise TrainingError(
                    f"{self.folder} has no room for {num_bytes / 2**20:,.0f} MiB of answers ({error.strerror}): free "
                    "some space, or choose another --out."
                ) from error
            return np.asarray(np.memmap(file, dtype=dtype, mode="r+", shape=shape))


MEMORY = Scratch()
