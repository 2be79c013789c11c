"""Those who visit the page: users of the emulated pool."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.api_process import Api

_PASSWORD = "correct-Horse-battery-1"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """A user."""

    user: str
    password: str


def invite(api: Api, name: str, *groups: str) -> Person:
    """Make a user who has done nothing yet, in groups that are made where they are missing."""
    cognito = api.aws("cognito-idp")
    (pool,) = cognito.list_user_pools(MaxResults=10)["UserPools"]
    person = Person(f"{name}-{next(_numbers)}@sparkdrop.local", _PASSWORD)
    names = {"UserPoolId": pool["Id"], "Username": person.user}
    cognito.admin_create_user(**names, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(**names, Password=person.password, Permanent=True)
    for group in groups:
        there = cognito.list_groups(UserPoolId=pool["Id"])["Groups"]
        if group not in {one["GroupName"] for one in there}:
            cognito.create_group(UserPoolId=pool["Id"], GroupName=group)
        cognito.admin_add_user_to_group(**names, GroupName=group)
    return person
