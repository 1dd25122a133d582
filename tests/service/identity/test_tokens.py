"""Tokens of an identity provider: the attacks that RFC 8725 lists, each refused."""

import asyncio
import base64
import hmac
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import JWSRegistry

from knowtrace.errors import SettingsError, UnauthenticatedError, UnavailableError
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.credentials import BearerToken
from knowtrace.service.identity.key_sets import PublicKeys, read_key_set
from knowtrace.service.identity.tokens import SAFE_ALGORITHMS, TokenRules, TokenVerifier

ISSUER, AUDIENCE = "https://school.example", "knowtrace"
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
EC = ECKey.generate_key("P-256", {"kid": "ec-1"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa-1"})
STRANGER_EC = ECKey.generate_key("P-256", {"kid": "ec-1"})
RULES = TokenRules(issuer=ISSUER, audience=AUDIENCE)


def public_keys(*keys: RSAKey | ECKey) -> bytes:
    return orjson.dumps(KeySet(list(keys)).as_dict(private=False))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "iat": now, "nbf": now, "exp": now + 300}
    said |= {"tenant": "north", "role": "educator", **changes}
    return {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in said.items()
        if value is not ...
    }


def token(
    key: Any = RSA, algorithm: str = "RS256", header: dict[str, Any] | None = None, **changes: Any
) -> BearerToken:
    heading = {"alg": algorithm, "kid": getattr(key, "kid", None), **(header or {})}
    return BearerToken(jwt.encode(heading, claims(**changes), key, algorithms=[algorithm]))


class HeldKeys(PublicKeys):
    """Keys that lie in no file: a test that makes its own examples can have no fixture."""

    async def _content(self) -> bytes:
        return public_keys(RSA, EC)


VERIFIER = TokenVerifier(RULES, HeldKeys("memory"))


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(public_keys(RSA, EC))
    return path


@pytest.fixture
def tokens(keys_file: Path) -> TokenVerifier:
    return TokenVerifier(RULES, PublicKeys(str(keys_file)))


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256")])
async def test_a_token_of_the_provider_says_who_asks(tokens: TokenVerifier, key: Any, algorithm: str) -> None:
    assert await tokens.caller(token(key, algorithm)) == Caller("north", "token:u1", Role.EDUCATOR)
    student = token(key, algorithm, role="student", student_id="anna")
    caller = await tokens.caller(student)
    assert (caller.tenant_id, caller.role, caller.student_id) == ("north", Role.STUDENT, "anna")
    assert "u1" not in caller.subject and caller == await tokens.caller(
        student
    )  # the audit log keeps it for good


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": timedelta(seconds=-61)},
        {"exp": ...},
        {"exp": "tomorrow"},
        {"nbf": timedelta(hours=1)},
        {"nbf": ...},
        {"iss": "https://elsewhere.example"},
        {"iss": ...},
        {"aud": "another-service"},
        {"aud": ...},
        {"aud": []},
        {"sub": ...},
        {"sub": 5},
        {"tenant": ...},
        {"tenant": ["north"]},
        {"tenant": "x" * 101},
        {"tenant": "nor\nth"},
        {"role": ...},
        {"role": "superuser"},
        {"role": "student"},
        {"role": "student", "student_id": ""},
        {"role": ["admin"]},
    ],
    ids=str,
)
async def test_a_token_that_says_too_little_or_the_wrong_thing_is_refused(
    tokens: TokenVerifier, changes: dict[str, Any]
) -> None:
    with pytest.raises(UnauthenticatedError):
        await tokens.caller(token(**changes))


async def test_clocks_may_differ_by_a_minute(tokens: TokenVerifier) -> None:
    await tokens.caller(token(exp=timedelta(seconds=-50)))
    await tokens.caller(token(nbf=timedelta(seconds=50)))


async def test_a_signature_by_somebody_else_is_refused(tokens: TokenVerifier) -> None:
    with pytest.raises(UnauthenticatedError):
        await tokens.caller(token(STRANGER))


async def test_no_signature_is_refused(tokens: TokenVerifier) -> None:
    heading, body, _ = token().text.split(".")
    for algorithm in ("none", "None", "NONE", ""):
        unsigned = jwt_part({"alg": algorithm, "kid": "rsa-1"}) + "." + body + "."
        with pytest.raises(UnauthenticatedError):
            await tokens.caller(BearerToken(unsigned))
    with pytest.raises(UnauthenticatedError):
        await tokens.caller(BearerToken(f"{heading}.{body}."))


async def test_the_public_key_used_as_a_shared_secret_is_refused(tokens: TokenVerifier) -> None:
    """The algorithm confusion of CVE-2015-9235."""
    signed = f"{jwt_part({'alg': 'HS256', 'kid': 'rsa-1'})}.{jwt_part(claims())}"
    for material in (RSA.as_pem(private=False), public_keys(RSA)):
        mac = base64.urlsafe_b64encode(hmac.digest(material, signed.encode(), "sha256")).rstrip(b"=").decode()
        with pytest.raises(UnauthenticatedError):
            await tokens.caller(BearerToken(f"{signed}.{mac}"))


async def test_a_key_that_the_token_brings_along_is_not_used(tokens: TokenVerifier) -> None:
    """`jwk`, `jku` and `x5u` in the header name the forger's own key."""
    brought = {"jwk": STRANGER.as_dict(private=False), "jku": "https://forger.example/keys"}
    with pytest.raises(UnauthenticatedError):
        await tokens.caller(token(STRANGER, header=brought))


async def test_another_kind_of_signature_under_a_known_key_id_is_refused(tokens: TokenVerifier) -> None:
    with pytest.raises(UnauthenticatedError):
        await tokens.caller(token(EC, "ES256", header={"kid": "rsa-1"}))
    with pytest.raises(UnauthenticatedError):
        await tokens.caller(token(RSA, "RS512"))


def jwt_part(content: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    ["", "x", "a.b.c", "....", jwt_part([]) + ".x.y", jwt_part({"alg": "RS256", "kid": 5}) + ".x.y", "é.é.é",
     jwt_part({"alg": "RS256", "kid": "rsa-1", "crit": ["x"]}) + "." + jwt_part({}) + ".AAAA"],
)  # fmt: skip
async def test_nonsense_is_refused(tokens: TokenVerifier, text: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await tokens.caller(BearerToken(text))


def signed_anyhow(header: Any, said: Any, *, is_forged: bool = False) -> BearerToken:
    """Sign whatever it is: joserfc would refuse to write most of this."""
    text = f"{jwt_part(header)}.{jwt_part(said)}"
    signature = JWSRegistry.algorithms["ES256"].sign(text.encode(), STRANGER_EC if is_forged else EC)
    return BearerToken(f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
HEADER_NAMES = ["alg", "kid", "crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "typ", "cty", "zip", "enc"]
CLAIM_NAMES = ["exp", "nbf", "iat", "aud", "iss", "sub", "jti", "tenant", "role", "student_id", "crit"]


async def caller_or_refused(tokens: TokenVerifier, shown: BearerToken) -> Caller | None:
    try:
        return await tokens.caller(shown)
    except UnauthenticatedError:
        return None


async def test_what_is_signed_anyhow_here_is_accepted_where_nothing_is_odd(tokens: TokenVerifier) -> None:
    header = {"alg": "ES256", "kid": "ec-1"}
    assert await caller_or_refused(tokens, signed_anyhow(header, claims())) is not None
    assert await caller_or_refused(tokens, signed_anyhow(header, claims(), is_forged=True)) is None


@pytest.mark.parametrize("is_forged", [True, False])
@pytest.mark.parametrize(
    "crit", [5, None, True, 1.5, "exp", [], [5], [[1]], [None], [{}], {}, ["b64"], ["exp"]], ids=str
)
async def test_no_extension_is_understood_whatever_is_said_to_be_critical(
    tokens: TokenVerifier, crit: Any, is_forged: bool
) -> None:
    """RFC 7515, section 4.1.11: what is critical and not understood makes the token invalid."""
    header = {"alg": "ES256", "kid": "ec-1", "crit": crit, "b64": True}
    assert await caller_or_refused(tokens, signed_anyhow(header, claims(), is_forged=is_forged)) is None


@given(
    odd=st.dictionaries(
        st.sampled_from(HEADER_NAMES) | st.text(max_size=8), ANYTHING, min_size=1, max_size=3
    ),
    is_forged=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_a_header_of_whatever_types_is_accepted_or_refused_and_nothing_else(
    odd: dict[str, Any], is_forged: bool
) -> None:
    header = {"alg": "ES256", "kid": "ec-1", **odd}
    caller = asyncio.run(caller_or_refused(VERIFIER, signed_anyhow(header, claims(), is_forged=is_forged)))
    assert caller is None or not is_forged


@given(
    odd=st.dictionaries(st.sampled_from(CLAIM_NAMES) | st.text(max_size=8), ANYTHING, min_size=1, max_size=3)
)
@settings(max_examples=300, deadline=None)
def test_claims_of_whatever_types_are_accepted_or_refused_and_nothing_else(odd: dict[str, Any]) -> None:
    shown = signed_anyhow({"alg": "ES256", "kid": "ec-1"}, {**claims(), **odd})
    caller = asyncio.run(caller_or_refused(VERIFIER, shown))
    if caller is not None:
        assert not {"aud", "iss"} & set(odd)
        assert all(type(odd[name]) in {int, float} for name in ("exp", "nbf", "iat") if name in odd)


@given(header=ANYTHING, said=ANYTHING)
@settings(max_examples=200, deadline=None)
def test_a_token_of_any_two_values_is_refused(header: Any, said: Any) -> None:
    assert asyncio.run(caller_or_refused(VERIFIER, signed_anyhow(header, said))) is None
    assert (
        asyncio.run(caller_or_refused(VERIFIER, signed_anyhow({"alg": "ES256", "kid": "ec-1"}, said))) is None
    )


@given(text=st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
@settings(max_examples=200, deadline=None)
def test_a_text_that_is_no_token_is_refused(text: str) -> None:
    assert asyncio.run(caller_or_refused(VERIFIER, BearerToken(text))) is None
    assert (
        asyncio.run(caller_or_refused(VERIFIER, BearerToken(f"{jwt_part({'alg': 'ES256'})}.{text}"))) is None
    )


@pytest.mark.parametrize("depth", [300, 900, 5_000])
async def test_values_nested_however_deep_are_refused(tokens: TokenVerifier, depth: int) -> None:
    def part(start: str) -> str:
        deep = f"{start}{'[' * depth}{']' * depth}}}"
        return base64.urlsafe_b64encode(deep.encode()).rstrip(b"=").decode()

    deep_header = part('{"alg": "ES256", "kid": "ec-1", "x": ')
    assert await caller_or_refused(tokens, BearerToken(f"{deep_header}.{jwt_part(claims())}.AAAA")) is None
    text = ".".join([jwt_part({"alg": "ES256", "kid": "ec-1"}), part('{"sub": ')])
    signature = JWSRegistry.algorithms["ES256"].sign(text.encode(), EC)
    encoded = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    assert await caller_or_refused(tokens, BearerToken(f"{text}.{encoded}")) is None


async def test_claims_may_lie_deep_under_other_names_and_words(keys_file: Path) -> None:
    rules = TokenRules(
        issuer=ISSUER,
        audience=AUDIENCE,
        required=("exp", "sub"),
        tenant_claim="https://school.example/tenant",
        role_claim="access.role",
        role_names={"Teacher": "educator"},
    )
    verifier = TokenVerifier(rules, PublicKeys(str(keys_file)))
    said = {"https://school.example/tenant": "north", "access": {"role": "Teacher"}, "nbf": ..., "role": ...}
    assert await verifier.caller(token(**said)) == Caller("north", "token:u1", Role.EDUCATOR)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "RS256 ", ""])
def test_an_unsafe_algorithm_cannot_be_allowed(algorithm: str) -> None:
    with pytest.raises(SettingsError, match="Choose among"):
        TokenRules(issuer=ISSUER, audience=AUDIENCE, algorithms=("RS256", algorithm))
    assert not any(name.startswith("HS") or name == "none" for name in SAFE_ALGORITHMS)


class Provider:
    """Answers with keys, and counts how often it is asked."""

    def __init__(self, content: bytes) -> None:
        self.content, self.status, self.num_asked = content, 200, 0

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, _: httpx.Request) -> httpx.Response:
        self.num_asked += 1
        return httpx.Response(self.status, content=self.content)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_new_key_is_fetched_at_most_once_a_minute() -> None:
    provider, clock = Provider(public_keys(RSA)), Clock()
    keys = PublicKeys("https://school.example/keys", clock=clock, transport=provider.transport())
    verifier = TokenVerifier(RULES, keys)
    await verifier.caller(token())
    for _ in range(20):
        with pytest.raises(UnauthenticatedError):
            await verifier.caller(token(EC, "ES256"))
    assert provider.num_asked == 1
    provider.content = public_keys(RSA, EC)
    clock.seconds = 60
    await verifier.caller(token(EC, "ES256"))
    assert provider.num_asked == 2


async def test_a_key_that_was_withdrawn_is_not_trusted_for_more_than_an_hour() -> None:
    provider, clock = Provider(public_keys(RSA, EC)), Clock()
    keys = PublicKeys("https://school.example/keys", clock=clock, transport=provider.transport())
    verifier = TokenVerifier(RULES, keys)
    await verifier.caller(token())
    provider.content = public_keys(EC)
    clock.seconds = 3_600
    with pytest.raises(UnauthenticatedError):
        await verifier.caller(token())


async def test_a_provider_that_is_away_stops_nobody_for_an_hour_and_then_everybody() -> None:
    provider, clock = Provider(public_keys(RSA)), Clock()
    keys = PublicKeys("https://school.example/keys", clock=clock, transport=provider.transport())
    verifier = TokenVerifier(RULES, keys)
    provider.status = 500
    with pytest.raises(UnavailableError):
        await verifier.caller(token())
    provider.status, clock.seconds = 200, 60
    await verifier.caller(token())
    provider.status, clock.seconds = 500, 3_000
    await verifier.caller(token())
    with pytest.raises(UnauthenticatedError):
        await verifier.caller(token(EC, "ES256"))
    clock.seconds = 3_660
    with pytest.raises(UnavailableError):
        await verifier.caller(token())


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', b'{"keys": [5]}',
     b"x" * 300_000],
    ids=range(7),
)  # fmt: skip
def test_a_key_set_without_public_keys_is_refused(content: bytes) -> None:
    with pytest.raises(SettingsError):
        read_key_set(content)


async def test_a_token_without_key_id_is_read_where_only_one_key_can_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(public_keys(RSA))
    without = BearerToken(jwt.encode({"alg": "RS256"}, claims(), RSA, algorithms=["RS256"]))
    assert await TokenVerifier(RULES, PublicKeys(str(path))).caller(without)
    path.write_bytes(public_keys(RSA, EC))
    with pytest.raises(UnauthenticatedError):
        await TokenVerifier(RULES, PublicKeys(str(path))).caller(without)
