"""The signature of a message: its receiver can tell that it is ours, unaltered, and not an old one sent again.

`X-KnowTrace-Signature: t=SECONDS,v1=HEX`, where HEX is HMAC-SHA256 under the receiver's key of the text
`SECONDS.BODY`: the same seconds since 1970, a dot, the body's bytes.
"""

import hashlib
import hmac

HEADER = "X-KnowTrace-Signature"


def sign(key: bytes, body: bytes, *, at: int) -> str:
    """Return the header's value; `at` is in seconds since 1970."""
    return f"t={at},v1={hmac.new(key, f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"
