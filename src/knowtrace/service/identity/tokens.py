"""Signed tokens of an identity provider (OpenID Connect, RFC 7519 and RFC 8725)."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from joserfc import jwt
from joserfc.errors import JoseError

from knowtrace.errors import SettingsError, UnauthenticatedError
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.credentials import BearerToken
from knowtrace.service.identity.key_sets import PublicKeys

TOLERANCE_SECONDS = 60
"""How far two clocks may disagree."""

SAFE_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures by a private key. Not `none`; not HS…, whose key would be the public one."""

NOT_ACCEPTED = "The credential is not accepted. Send a valid API key or token."


@dataclass(frozen=True, kw_only=True)
class TokenRules:
    """What a token must say, and in which claims it says whose it is.

    A claim may lie within others: `realm_access.role`. `role_names` translates the provider's words for roles.

    Raises:
        SettingsError: an algorithm that is not safe.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    required: tuple[str, ...] = ("exp", "nbf", "iss", "aud", "sub")
    tenant_claim: str = "tenant"
    role_claim: str = "role"
    student_claim: str = "student_id"
    role_names: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        unsafe = sorted(set(self.algorithms) - SAFE_ALGORITHMS)
        if unsafe or not self.algorithms:
            raise SettingsError(
                f"Tokens signed with {', '.join(unsafe) or 'nothing'} cannot be accepted. "
                f"Choose among {', '.join(sorted(SAFE_ALGORITHMS))}."
            )


class TokenVerifier:
    """Reads who asks off a signed token."""

    def __init__(self, rules: TokenRules, keys: PublicKeys) -> None:
        self._rules = rules
        self._keys = keys
        required: dict[str, Any] = {name: {"essential": True} for name in rules.required}
        required["iss"] = {"essential": True, "value": rules.issuer}
        required["aud"] = {"essential": True, "value": rules.audience}
        self._claims = jwt.JWTClaimsRegistry(leeway=TOLERANCE_SECONDS, **required)

    async def caller(self, token: BearerToken) -> Caller:
        """Return whom a token names.

        Raises:
            UnauthenticatedError: it is not signed by a key of the provider, says too little, or is out of date.
            UnavailableError: the provider's keys cannot be read.
        """
        header = _header(token.text)
        if header.get("alg") not in self._rules.algorithms:
            raise UnauthenticatedError(NOT_ACCEPTED)
        keys = await self._keys.having(header.get("kid"))
        if keys is None:
            raise UnauthenticatedError(NOT_ACCEPTED)
        try:
            claims = jwt.decode(token.text, keys, algorithms=self._rules.algorithms).claims
            self._claims.validate(claims)
        except (JoseError, ValueError, RecursionError) as error:
            raise UnauthenticatedError(NOT_ACCEPTED) from error
        return self._caller(claims)

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        rules = self._rules
        role_name = _claim(claims, rules.role_claim)
        tenant_id, subject = _claim(claims, rules.tenant_claim), _claim(claims, "sub")
        try:
            role = Role(rules.role_names.get(role_name or "", role_name or ""))
            student_id = _claim(claims, rules.student_claim) if role is Role.STUDENT else None
            if tenant_id and subject and len(tenant_id) <= 100:
                if (
                    role is Role.STUDENT
                ):  # the audit log keeps subjects for good, and must not keep students' ids
                    subject = hashlib.sha256(f"{tenant_id}\0{subject}".encode()).hexdigest()[:32]
                return Caller(tenant_id, f"token:{subject}"[:200], role, student_id)
        except ValueError:
            pass
        raise UnauthenticatedError(
            f"The token does not say whose it is: it needs a tenant in {rules.tenant_claim!r}, one of our roles in "
            f"{rules.role_claim!r} and, for students, their id in {rules.student_claim!r}."
        )


def _header(text: str) -> Mapping[str, Any]:
    encoded = text.partition(".")[0]
    try:
        header = orjson.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, binascii.Error):
        raise UnauthenticatedError(NOT_ACCEPTED) from None
    # What `crit` says is critical must be understood (RFC 7515, section 4.1.11), and no extension is. The decoder would
    # read its elements before it knows that they are texts.
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str | None) or "crit" in header:
        raise UnauthenticatedError(NOT_ACCEPTED)
    return header


def _claim(claims: Mapping[str, Any], path: str) -> str | None:
    """Return a claim that is a text: under its whole name, else following the dots of its path."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and value.isprintable() and value else None
