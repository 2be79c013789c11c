"""Where a pipeline's step runs: the ``compute`` block of a pipeline file."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator
from pydantic.alias_generators import to_pascal

from sparkdrop.core.quantities import Duration, Size, format_duration
from sparkdrop.core.spark_dependencies import ARM, INTEL

GIB = 2**30
IDLE_TIMEOUT_RANGE = (timedelta(seconds=60), timedelta(seconds=604_800))  # EMR's AutoTerminationPolicy
_RELEASE = re.compile(r"emr-(?:spark-)?\d+\.\d+\.\d+")
_JOB_FLOW_ID = re.compile(r"j-[A-Z0-9]+")
# m7g, c7gn, x2gd, im4gn, hpc7g: the letter behind the generation; a1 is older than that
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_GRAVITON = re.compile(r"(?:a1|[a-z]+\d+g[a-z0-9-]*)\..+")

Count = Annotated[int, Field(strict=True, ge=1)]
NonNegative = Annotated[int, Field(strict=True, ge=0)]


class Model(BaseModel):
    """A frozen model that refuses unknown keys: the base of everything in a pipeline file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _check_release(value: str) -> str:
    if not _RELEASE.fullmatch(value):
        message = f"found {value!r}; accepted: EMR's release labels, as in 'emr-spark-8.0.0' or 'emr-7.13.0'"
        raise ValueError(message)
    return value


def _check_reuse(value: str) -> str:
    if value == "pool":
        message = (
            "found 'pool'; pools of job flows do not exist yet; accepted: 'never' or a job flow id (j-…)"
        )
        raise ValueError(message)
    if value != "never" and not _JOB_FLOW_ID.fullmatch(value):
        message = f"found {value!r}; accepted: 'never' or a job flow id, as in 'j-2AXXXXXXGAPLF'"
        raise ValueError(message)
    return value


def _check_idle_timeout(value: timedelta) -> timedelta:
    least, most = IDLE_TIMEOUT_RANGE
    if not least <= value <= most or value % timedelta(seconds=1):
        message = (
            f"found {format_duration(value)!r}; accepted: whole seconds from 60s to 7d, as EMR takes them"
        )
        raise ValueError(message)
    return value


def _check_poll_interval(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1) or value % timedelta(seconds=1):
        message = f"found {format_duration(value)!r}; accepted: whole seconds, 1s or more"
        raise ValueError(message)
    return value


PollInterval = Annotated[Duration, AfterValidator(_check_poll_interval)]


class EmrModel(BaseModel):
    """A part of EMR's own request, in EMR's own spelling.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_JobFlowInstancesConfig.html
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_pascal)


class Configuration(EmrModel):
    """One classification of EMR's application settings."""

    classification: Annotated[str, Field(min_length=1)]
    properties: dict[str, str] = Field(default_factory=dict)
    configurations: tuple[Configuration, ...] = ()


class VolumeSpecification(EmrModel):
    """One EBS volume."""

    volume_type: Literal["gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"]
    size_in_gb: Annotated[PositiveInt, Field(alias="SizeInGB")]
    iops: PositiveInt | None = None
    throughput: PositiveInt | None = None


class EbsBlockDeviceConfig(EmrModel):
    """How many EBS volumes of one kind each node gets."""

    volume_specification: VolumeSpecification
    volumes_per_instance: PositiveInt = 1


class EbsConfiguration(EmrModel):
    """The EBS volumes of each node."""

    ebs_block_device_configs: tuple[EbsBlockDeviceConfig, ...] = ()
    ebs_optimized: bool | None = None


class InstanceGroup(EmrModel):
    """One of EMR's instance groups (InstanceGroupConfig)."""

    instance_role: Literal["MASTER", "CORE", "TASK"]
    instance_type: str
    instance_count: Count
    name: str | None = None
    market: Literal["ON_DEMAND", "SPOT"] | None = None
    bid_price: str | None = None
    configurations: tuple[Configuration, ...] | None = None
    ebs_configuration: EbsConfiguration | None = None
    custom_ami_id: str | None = None


class InstanceTypeConfig(EmrModel):
    """One type of instance that a fleet may take."""

    instance_type: str
    weighted_capacity: NonNegative | None = None
    bid_price: str | None = None
    bid_price_as_percentage_of_on_demand_price: float | None = None
    priority: float | None = None
    configurations: tuple[Configuration, ...] | None = None
    ebs_configuration: EbsConfiguration | None = None
    custom_ami_id: str | None = None


class SpotSpecification(EmrModel):
    """How a fleet asks for spot capacity."""

    timeout_duration_minutes: Annotated[int, Field(strict=True, ge=5, le=1440)]
    timeout_action: Literal["SWITCH_TO_ON_DEMAND", "TERMINATE_CLUSTER"]
    block_duration_minutes: PositiveInt | None = None
    allocation_strategy: (
        Literal[
            "capacity-optimized",
            "price-capacity-optimized",
            "lowest-price",
            "diversified",
            "capacity-optimized-prioritized",
        ]
        | None
    ) = None


class OnDemandSpecification(EmrModel):
    """How a fleet asks for on-demand capacity."""

    allocation_strategy: Literal["lowest-price", "prioritized"]


class LaunchSpecifications(EmrModel):
    """How a fleet asks for its capacity."""

    spot_specification: SpotSpecification | None = None
    on_demand_specification: OnDemandSpecification | None = None


class InstanceFleet(EmrModel):
    """One of EMR's instance fleets (InstanceFleetConfig)."""

    instance_fleet_type: Literal["MASTER", "CORE", "TASK"]
    instance_type_configs: Annotated[tuple[InstanceTypeConfig, ...], Field(min_length=1)]
    name: str | None = None
    target_on_demand_capacity: NonNegative | None = None
    target_spot_capacity: NonNegative | None = None
    launch_specifications: LaunchSpecifications | None = None


class CoreNodes(Model):
    """How many core nodes a job flow gets: by the bytes of its batch, within limits."""

    min: Count = 1
    """The fewest nodes."""
    max: Count = 10
    """The most nodes, however large the batch."""
    bytes_per_node: Annotated[Size, Field(gt=0)] = 10 * GIB
    """One node more for each of these bytes, or a part of them."""

    @model_validator(mode="after")
    def _check_order(self) -> CoreNodes:
        if self.min > self.max:
            message = f"min ({self.min}) is more than max ({self.max})"
            raise ValueError(message)
        return self

    def count_for(self, batch_bytes: int) -> int:
        """Say how many core nodes a batch of so many bytes gets."""
        return min(max(-(-batch_bytes // self.bytes_per_node), self.min), self.max)


class EmrEc2(Model):
    """A job flow (cluster) of EMR on EC2."""

    kind: Literal["emr_ec2"] = "emr_ec2"
    """EMR on EC2, the one kind of compute that there is today."""
    release: Annotated[str, AfterValidator(_check_release)] = "emr-spark-8.0.0"
    """EMR's release label."""
    instance_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")] = "m7g.xlarge"
    """EC2 type of the primary and the core nodes."""
    core_nodes: CoreNodes = CoreNodes()
    """How many core nodes."""
    instance_groups: Annotated[tuple[InstanceGroup, ...], Field(min_length=1)] | None = None
    """EMR's own instance groups, instead of `instance_type` and `core_nodes`."""
    instance_fleets: Annotated[tuple[InstanceFleet, ...], Field(min_length=1)] | None = None
    """EMR's own instance fleets, instead of `instance_type` and `core_nodes`."""
    reuse: Annotated[str, AfterValidator(_check_reuse)] = "never"
    """`never`: a job flow a batch. A job flow id: steps go to that one, and it is left running."""
    idle_timeout: Annotated[Duration, AfterValidator(_check_idle_timeout)] = timedelta(minutes=10)
    """EMR ends an idle job flow by itself after this time (60s to 7d)."""
    poll_interval: PollInterval = timedelta(seconds=15)
    """How often a waiting task asks EMR for its step's state (whole seconds)."""
    configurations: tuple[Configuration, ...] = ()
    """EMR's application settings (Classification, Properties), added to Sparkdrop's own."""

    @model_validator(mode="after")
    def _check_instances(self) -> EmrEc2:
        if self.instance_groups and self.instance_fleets:
            message = "instance_groups and instance_fleets exclude each other: EMR takes one of the two"
            raise ValueError(message)
        roles = [group.instance_role for group in self.instance_groups or ()]
        roles += [fleet.instance_fleet_type for fleet in self.instance_fleets or ()]
        if roles and roles.count("MASTER") != 1:
            message = f"found {roles.count('MASTER')} MASTER groups or fleets; EMR takes exactly one"
            raise ValueError(message)
        return self

    @property
    def instance_types(self) -> tuple[str, ...]:
        """The EC2 types that nodes may be of, the primary's first."""
        if self.instance_groups:
            found = [(group.instance_role, group.instance_type) for group in self.instance_groups]
        elif self.instance_fleets:
            found = [
                (fleet.instance_fleet_type, config.instance_type)
                for fleet in self.instance_fleets
                for config in fleet.instance_type_configs
            ]
        else:
            return (self.instance_type,)
        ordered = sorted(found, key=lambda pair: pair[0] != "MASTER")
        return tuple(dict.fromkeys(kind for _, kind in ordered))

    @property
    def platform(self) -> str:
        """The processor of the primary node; of a job flow that is up, the one that the file says."""
        return find_platform(self.instance_types[0])


def find_platform(instance_type: str) -> str:
    """Tell the processor of an EC2 type, in the words of Python's wheels."""
    return ARM if _GRAVITON.fullmatch(instance_type) else INTEL


Compute = EmrEc2
"""Discriminated by ``kind``; pydantic makes a union of it once there is a second one."""
