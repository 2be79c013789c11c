"""The kinds of values in a settings file."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

T = TypeVar("T")


def _check_some(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError("is empty: name at least one")
    return values


def _check_distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    if twice := [value for value, count in Counter(values).items() if count > 1]:
        raise ValueError(f"names {', '.join(map(str, twice))} more than once: write each one once")
    return values


Distinct = Annotated[tuple[T, ...], AfterValidator(_check_distinct)]
# pydantic's min_length counts the items that are accepted, and so reports each refused one twice
OneOrMore = Annotated[tuple[T, ...], AfterValidator(_check_some)]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s*]+$")]
Days = Annotated[int, Field(ge=1, le=36_500)]
# CloudWatch Logs takes these and no others:
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
# of a key and no alias, which KMS does not look at in a policy:
# https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html
KeyArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]{1,64}$")
]
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-emrserverless-application-imageconfigurationinput.html
ImageUri = Annotated[
    str,
    StringConstraints(
        pattern=r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"
        r"/[a-z0-9]+([._/-][a-z0-9]+)*(:\w[\w.-]{0,127}|@sha256:[0-9a-f]{64})$"
    ),
]
VpcId = Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{8,17}$")]
SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{8,17}$")]
RouteTableId = Annotated[str, StringConstraints(pattern=r"^rtb-[0-9a-f]{8,17}$")]
ZoneName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$")]
DomainName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
ServicePrincipal = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com$")]
