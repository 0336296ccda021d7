"""The users of the demo's tenants. Their passwords and codes follow from a generated key, so none is a default."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from neomon.demo.catalogue import TENANT_BY_NAME, Tenant
from neomon.demo.runtime import USERS_KEY, Runtime


@dataclass(frozen=True)
class Directory:
    """Knows who exists and what proves it."""

    key: bytes

    @classmethod
    def of(cls, runtime: Runtime) -> Directory:
        """The directory of an installation."""
        return cls(runtime.secrets.read(USERS_KEY).encode())

    def password(self, user: str) -> str:
        """Password of `user`, written `name@tenant`."""
        return hmac.new(self.key, f"password {user}".encode(), hashlib.sha256).hexdigest()

    def code(self, challenge: str) -> str:
        """The six digits that answer an MFA challenge."""
        digest = hmac.new(self.key, f"code {challenge}".encode(), hashlib.sha256).digest()
        return f"{int.from_bytes(digest[:4], 'big') % 1_000_000:06d}"

    @staticmethod
    def user(tenant: Tenant, number: int) -> str:
        """The `number`-th user of a tenant."""
        return f"user{number % tenant.users:03d}@{tenant.name}"

    @staticmethod
    def exists(user: str) -> bool:
        """Whether there is such a user."""
        name, _, tenant = user.partition("@")
        known = TENANT_BY_NAME.get(tenant)
        return known is not None and name[:4] == "user" and name[4:].isdigit() and int(name[4:]) < known.users

    @staticmethod
    def enrolled(user: str) -> bool:
        """Whether the user has a second factor."""
        name, _, tenant = user.partition("@")
        known = TENANT_BY_NAME[tenant]
        return int(name[4:]) < known.users * known.mfa_share


def enrolled_users() -> int:
    """Number of users with a second factor."""
    return sum(
        Directory.enrolled(Directory.user(tenant, number))
        for tenant in TENANT_BY_NAME.values()
        for number in range(tenant.users)
    )
