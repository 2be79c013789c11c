"""The sections of a stage's settings file, as frozen models.

Every key has a default, and the defaults cost next to nothing at rest: what costs by the hour is a
switch that is off.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from infra.settings.emr_releases import check_release
from infra.settings.values import (  # noqa: TC001 - pydantic reads them at run time
    BucketName,
    Days,
    Distinct,
    DomainName,
    Email,
    ImageUri,
    KeyArn,
    LogDays,
    OneOrMore,
    Origin,
    RouteTableId,
    ServicePrincipal,
    SubnetId,
    VpcId,
    ZoneName,
)

# A VPC takes /16 to /28: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html.
# Below /22 a zone's private subnet holds fewer addresses than a large cluster has nodes.
_WIDEST, _NARROWEST = 16, 22


class Section(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ExistingVpc(Section):
    """A VPC that is there already, named rather than looked up: a synthesis calls no AWS.

    Attributes:
        vpc_id: Its id.
        availability_zones: The private subnets' zones, in their order.
        private_subnet_ids: Where clusters run: one a zone. Each needs a way to S3 (a gateway endpoint).
        private_route_table_ids: Their route tables, in the same order: where this stack's gateway endpoints
            are added. Empty: the VPC has its own.
    """

    vpc_id: VpcId
    availability_zones: OneOrMore[ZoneName]
    private_subnet_ids: OneOrMore[SubnetId]
    private_route_table_ids: tuple[RouteTableId, ...] = ()

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        zones, subnets, tables = map(
            len, (self.availability_zones, self.private_subnet_ids, self.private_route_table_ids)
        )
        if zones != subnets:
            raise ValueError(
                f"{subnets} private_subnet_ids, {zones} availability_zones: name one zone a subnet"
            )
        if tables not in (0, subnets):
            raise ValueError(
                f"{tables} private_route_table_ids, {subnets} subnets: name one a subnet, or none"
            )
        return self


def _check_cidr(value: IPv4Network) -> IPv4Network:
    if not _WIDEST <= value.prefixlen <= _NARROWEST:
        raise ValueError(f"write a block between /{_WIDEST} and /{_NARROWEST}")
    if not value.is_private:
        raise ValueError("write a private block, of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    return value


class NetworkSettings(Section):
    """The VPC that clusters run in.

    Attributes:
        existing: Use this VPC and create none; the other keys but ``interface_endpoints`` and ``flow_logs``
            then say nothing.
        cidr: The new VPC's addresses.
        connected_cidrs: Networks that the VPC is or will be connected with (peering, a transit gateway, a
            VPN): ``cidr`` may not overlap with any of them.
        zones: Over how many availability zones.
        nat: A NAT gateway for what has no endpoint (PyPI, Maven, a partner's API): about 37 USD a month
            with its address.
        interface_endpoints: Services that are reached without leaving AWS's network, each about 7 USD a month
            and zone: "ssm" stands for the three that Session Manager needs, "ecr" for the two of a registry.
        flow_logs: Whether the VPC's traffic is on record, in the logs bucket.
    """

    existing: ExistingVpc | None = None
    cidr: Annotated[IPv4Network, AfterValidator(_check_cidr)] = IPv4Network("10.42.0.0/16")
    connected_cidrs: tuple[IPv4Network, ...] = ()
    zones: Annotated[int, Field(ge=2, le=3)] = 2
    nat: bool = False
    interface_endpoints: Distinct[
        Literal["ecr", "elasticmapreduce", "emr-serverless", "logs", "secretsmanager", "sqs", "ssm", "sts"]
    ] = ()
    flow_logs: bool = False

    @model_validator(mode="after")
    def _check_overlap(self) -> Self:
        for other in self.connected_cidrs:
            if self.cidr.overlaps(other):
                raise ValueError(
                    f"cidr {self.cidr} overlaps with the connected {other}: choose another block"
                )
        return self


class UploadsSettings(Section):
    """The bucket where files land.

    Attributes:
        cors_origins: Origins of the pages that may PUT from a browser; scheme and host, no path, no ``*``.
        abandoned_multipart_days: When the parts of an upload that never ended are deleted.
        noncurrent_version_days: How long an overwritten or deleted version is kept.
        partner_buckets: Buckets of others that pipelines read (``arrival.bucket``, ``wait_for``): what the
            stage's roles may read beside its own.
        partner_keys: The ARNs of the KMS keys that objects in these buckets lie under: what the same roles
            may decrypt with, through S3 only. Each key's own policy has to let this account in too.
    """

    cors_origins: Distinct[Origin] = ()
    abandoned_multipart_days: Days = 3
    noncurrent_version_days: Days = 30
    partner_buckets: Distinct[BucketName] = ()
    partner_keys: Distinct[KeyArn] = ()


class LogsSettings(Section):
    """What is logged, and for how long.

    Attributes:
        retention_days: When an object of the logs bucket is deleted: EMR's step logs, the other buckets'
            access logs, flow logs.
        function_days: When CloudWatch deletes a line of a function's or the API's log.
    """

    retention_days: Days = 90
    function_days: LogDays = 30


class AlertsSettings(Section):
    """Who hears of what needs a person.

    Attributes:
        emails: Subscribed to the topic of alerts; each has to confirm once.
        oldest_message_minutes: How old the arrivals queue's oldest message may get before it is an alert.
        archive_days: How long EventBridge keeps arrivals for a replay.
    """

    emails: Distinct[Email] = ()
    oldest_message_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    archive_days: Days = 30


class EcrSettings(Section):
    """The repository of Spark job images.

    Attributes:
        keep_images: How many of the newest are kept.
    """

    keep_images: Annotated[int, Field(ge=1, le=1000)] = 20


class ServerlessSettings(Section):
    """The EMR Serverless application: it costs nothing while no job runs.

    Attributes:
        max_vcpu: The most that all jobs together may take at once.
        max_memory_gib: As much memory.
        idle_minutes: When an idle application stops.
        image: The image in ECR that jobs run in, mostly of the stage's repository, by tag or digest:
            ``<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>``; None for EMR's own. It has to be
            made of the release's image, for arm64, and be there when the application is deployed.
    """

    max_vcpu: Annotated[int, Field(ge=4, le=4000)] = 64
    max_memory_gib: Annotated[int, Field(ge=16, le=30_000)] = 512
    idle_minutes: Annotated[int, Field(ge=1, le=10_080)] = 15
    image: ImageUri | None = None


class EmrSettings(Section):
    """EMR.

    Attributes:
        release: The release of the development cluster and of the serverless application, from emr-6.6.0 on;
            None takes the one that the pipelines' defaults name.
        development_cluster: Whether the stage has the stack ``EMRStack``.
        idle_minutes: When the idle development cluster terminates.
        serverless: See :class:`ServerlessSettings`.
    """

    release: Annotated[str, AfterValidator(check_release)] | None = None
    development_cluster: bool = False
    idle_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    serverless: ServerlessSettings = ServerlessSettings()


class FunctionSettings(Section):
    """A function that answers calls of the API; its sections say what each key means."""

    memory_mib: Annotated[int, Field(ge=128, le=10_240)] = 512
    timeout_seconds: Annotated[int, Field(ge=3, le=29)] = 10
    reserved_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    tracing: bool = True


class InvokeSettings(FunctionSettings):
    """The function of ``POST /invoke``.

    Attributes:
        memory_mib: Its memory; its share of a processor grows with it.
        timeout_seconds: When Lambda ends a call. The API waits for 29 seconds at most.
        reserved_concurrency: Calls at once, kept for this function; None leaves it to the account's limit.
        tracing: Whether X-Ray records calls.
    """


class DomainSettings(Section):
    """A name of one's own for the API.

    Attributes:
        name: The host name.
        certificate_arn: Its certificate in ACM, in the stage's region.
        hosted_zone_id: The Route 53 zone that gets its record; None leaves the record to others.
        hosted_zone_name: That zone's name.
    """

    name: DomainName
    certificate_arn: Annotated[
        str, StringConstraints(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]{36}$")
    ]
    hosted_zone_id: Annotated[str, StringConstraints(pattern=r"^Z[A-Z0-9]{5,31}$")] | None = None
    hosted_zone_name: DomainName | None = None

    @model_validator(mode="after")
    def _check_zone(self) -> Self:
        if (self.hosted_zone_id is None) != (self.hosted_zone_name is None):
            raise ValueError("hosted_zone_id and hosted_zone_name go together: write both, or none")
        if self.hosted_zone_name and not f".{self.name}".endswith(f".{self.hosted_zone_name}"):
            raise ValueError(f"name {self.name} is not in the zone {self.hosted_zone_name}")
        return self


# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
# A role's or a user's name with its kind before it is what IAM's callers are matched by: no group has a slash
GroupName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@-]{1,128}$")]


class ApiSettings(Section):
    """The REST API.

    Attributes:
        authorizer: Who may call: "iam" takes requests that AWS credentials signed, "cognito" takes the tokens
            of a user pool that ``UsersStack`` creates.
        groups: Groups of that pool, which pipelines name in ``upload.groups`` and ``upload.viewers``.
        rate_per_second: Calls a second that all callers together may make.
        burst: Calls at once on top of it.
        waf: Whether AWS WAF with its managed rules stands before it: about 9 USD a month.
        domain: A name of one's own.
    """

    authorizer: Literal["iam", "cognito"] = "iam"
    groups: Distinct[GroupName] = ()
    rate_per_second: Annotated[int, Field(ge=1, le=10_000)] = 50
    burst: Annotated[int, Field(ge=1, le=5_000)] = 100
    waf: bool = False
    domain: DomainSettings | None = None


class AirflowSettings(Section):
    """Who may take the role that runs the pipelines.

    Attributes:
        service_principals: The services that Airflow runs in: ECS (also on Fargate), EC2, or MWAA
            (``airflow.amazonaws.com`` and ``airflow-env.amazonaws.com``).
    """

    service_principals: OneOrMore[ServicePrincipal] = ("ecs-tasks.amazonaws.com",)
