"""Keys, roles and buckets, as moto holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from moto.iam.models import IAMBackend, iam_backends
from moto.s3.models import s3_backends
from moto.sts.models import AssumedRole, sts_backends

from sparkdrop_local.aws import names
from sparkdrop_local.aws.s3_guard.cors import CorsRule

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITION = "aws"
# Whoever signs with one of these may do everything, as the emulation's administrator.
ADMINISTRATORS = frozenset(
    {
        names.ACCESS_KEY_ID,
        names.CLOUDFORMATION_KEY_ID,
        names.AIRFLOW_KEY_ID,
        names.JOB_KEY_ID,
        names.API_KEY_ID,
    }
)


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who can sign.

    Attributes:
        arn: Of the user or the role's session.
        secret_access_key: What it signs with.
        session_token: What it sends along; None for keys that are no session's.
        ends_at: When its session does; None where it has none.
        policies: IAM policy documents that say what it may do; None for everything.
        boundary: The session's own policy, which has to allow it too; None where there is none.
    """

    arn: str
    secret_access_key: str
    session_token: str | None = None
    ends_at: datetime | None = None
    policies: tuple[str, ...] | None = None
    boundary: str | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, as far as links and browsers are concerned.

    Attributes:
        owner: The account's id.
        region: Where it is.
        cors: Its rules, in their order.
    """

    owner: str
    region: str
    cors: tuple[CorsRule, ...] = ()


class Account(Protocol):
    """What the guard asks."""

    def find_signatory(self, access_key_id: str) -> Signatory | None:
        """Find who has an access key that is in force."""

    def find_bucket(self, name: str) -> Bucket | None:
        """Find a bucket."""


class MotoAccount:
    """The emulated account.

    Args:
        account_id: Its id.
    """

    def __init__(self, account_id: str = names.ACCOUNT_ID) -> None:
        self._account_id = account_id

    def find_signatory(self, access_key_id: str) -> Signatory | None:
        """Find who has an access key: the administrator, a role's session, a user."""
        if access_key_id in ADMINISTRATORS:
            arn = f"arn:{PARTITION}:iam::{self._account_id}:root"
            return Signatory(arn, names.SECRET_ACCESS_KEY)
        iam = iam_backends[self._account_id][PARTITION]
        sts = sts_backends[self._account_id][PARTITION]
        session = sts.get_assumed_role_from_access_key(access_key_id)
        if session is not None:
            return _describe_session(iam, session)
        for user in list(iam.users.values()):
            for key in user.access_keys:
                if key.access_key_id == access_key_id and key.status == "Active":
                    return Signatory(user.arn, key.secret_access_key, policies=tuple(_read_user(user)))
        return None

    def find_bucket(self, name: str) -> Bucket | None:
        """Find a bucket of the account."""
        held = s3_backends[self._account_id][PARTITION].buckets.get(name)
        if held is None:
            return None
        rules = tuple(
            CorsRule(
                methods=tuple(rule.allowed_methods),
                origins=tuple(rule.allowed_origins),
                headers=tuple(rule.allowed_headers or ()),
                exposed=tuple(rule.exposed_headers or ()),
                max_age_seconds=rule.max_age_seconds,
            )
            for rule in held.cors
        )
        return Bucket(owner=held.account_id, region=held.region_name, cors=rules)


def _describe_session(iam: IAMBackend, session: AssumedRole) -> Signatory:
    role = next((one for one in list(iam.roles.values()) if one.arn == session.role_arn), None)
    # moto lets a role be assumed that is not there
    inline: list[str] = [] if role is None else list(role.policies.values())
    managed = [] if role is None else [_get_document(one) for one in role.managed_policies.values()]
    return Signatory(
        arn=session.arn,
        secret_access_key=session.secret_access_key,
        session_token=session.session_token,
        ends_at=session.expiration.replace(tzinfo=UTC),
        policies=(*inline, *managed),
        boundary=session.policy or None,
    )


# moto's classes carry no types
def _read_user(user: Any) -> Iterator[str]:  # noqa: ANN401
    yield from user.policies.values()
    for policy in user.managed_policies.values():
        yield _get_document(policy)


def _get_document(policy: Any) -> str:  # noqa: ANN401 - as above
    return next(str(version.document) for version in policy.versions if version.is_default)
