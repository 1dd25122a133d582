"""The signature is the one that is published."""

from knowtrace.outbound import sign


def test_the_signature_is_what_openssl_makes() -> None:
    """printf '1.{}' | openssl dgst -sha256 -hmac Jefe"""
    assert sign(b"Jefe", b"{}", at=1) == (
        "t=1,v1=dc7943cccf20f64327d263db5e2aca27c2b8175e8e6e7ea04f482091bf456b0f"
    )
    assert sign(b"Jefe", b"{}", at=2) != sign(b"Jefe", b"{}", at=1)
