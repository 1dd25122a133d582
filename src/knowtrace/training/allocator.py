"""Keep freed memory in the process: on a small machine that alone doubles the speed of training."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP_BELOW_BYTES = 2**30


def keep_freed_memory() -> bool:
    """Ask glibc not to return freed blocks to the system; return whether it agreed.

    Each step of training frees and takes the same large blocks; returned to the system, every page of them is
    zeroed and mapped anew. Elsewhere than on glibc this does nothing.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    return bool(
        libc.mallopt(M_MMAP_THRESHOLD, KEEP_BELOW_BYTES) and libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    )
