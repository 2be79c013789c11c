"""What EMR demands of a RunJobFlow beside its model, in EMR's words where they are public."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sparkdrop_local.emr.ec2.operations.security import find_security_configuration
from sparkdrop_local.emr.ec2.provisioning import AGAIN, NO_MASTER
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import validation
from sparkdrop_local.emr.releases import check_release
from sparkdrop_local.emr.storage import is_s3_uri

_MOST_BOOTSTRAP_ACTIONS = 16
_AMI_VERSION = re.compile(r"latest|[23](\.\d+){1,2}")
_ONE_OF = (
    "Please configure instances using one and only one of the following: instance groups; instance fleets; "
    "instance count, master and slave instance type."
)
_SHORT_FORM = ("MasterInstanceType", "SlaveInstanceType", "InstanceCount")


def check_request(registry: Registry, parameters: Mapping[str, Any]) -> None:
    """Check a RunJobFlow.

    EMR has no default for the two roles, though its model leaves them out:
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-roles.html

    Raises:
        EmrError: ValidationException.
    """
    if not parameters.get("JobFlowRole"):
        raise validation("InstanceProfile is required for creating cluster.")
    if not parameters.get("ServiceRole"):
        raise validation("ServiceRole is required for creating cluster.")
    _check_release(parameters)
    _check_instances(parameters["Instances"])
    if (log_uri := parameters.get("LogUri")) and not is_s3_uri(log_uri):
        raise validation(f"LogUri must be an S3 location, not '{log_uri}'.")
    if len(parameters.get("BootstrapActions", ())) > _MOST_BOOTSTRAP_ACTIONS:
        raise validation(f"A cluster can have at most {_MOST_BOOTSTRAP_ACTIONS} bootstrap actions.")
    if name := parameters.get("SecurityConfiguration"):
        find_security_configuration(registry, name)


def _check_release(parameters: Mapping[str, Any]) -> None:
    label, ami = parameters.get("ReleaseLabel"), parameters.get("AmiVersion")
    if label and ami:
        raise validation(
            "Only one AMI version and release label may be specified. "
            f"Provided AMI: {ami}, release label: {label}."
        )
    if label:
        check_release(label)
        if parameters.get("SupportedProducts") or parameters.get("NewSupportedProducts"):
            raise validation(
                "Cannot specify supported products when release label is used. Specify applications instead."
            )
    elif ami:
        _check_ami(ami, parameters)
    else:
        raise validation(
            "Must specify exactly one of the following: release label, AMI version, or Hadoop version."
        )


def _check_ami(version: str, parameters: Mapping[str, Any]) -> None:
    if not _AMI_VERSION.fullmatch(version):
        raise validation("The supplied ami version is invalid.")
    if parameters.get("Applications"):
        raise validation(
            "Cannot specify applications when AMI version is used. "
            "Specify supported products or new supported products instead."
        )
    if parameters.get("Configurations"):
        raise validation("Cannot specify configurations when AMI version is used.")


def _check_instances(instances: Mapping[str, Any]) -> None:
    groups, fleets = instances.get("InstanceGroups"), instances.get("InstanceFleets")
    is_short = any(name in instances for name in _SHORT_FORM)
    if sum(map(bool, (groups, fleets, is_short))) != 1:
        raise validation(_ONE_OF)
    subnets = instances.get("Ec2SubnetIds", [])
    if subnets and instances.get("Ec2SubnetId"):
        raise validation("Specify either Ec2SubnetId or Ec2SubnetIds, not both.")
    if len(subnets) > 1 and not fleets:
        raise validation(
            "Only one subnet may be specified for clusters configured with instance groups or instance "
            f"count, master and slave instance type. {AGAIN}"
        )
    if groups:
        _check_groups(groups)
    elif is_short and not instances.get("MasterInstanceType"):
        raise validation(NO_MASTER["group"])


def _check_groups(groups: Sequence[Mapping[str, Any]]) -> None:
    for group in groups:
        if group["InstanceCount"] < 1:
            raise validation("An instance group must have at least one instance")
        _check_bid(group)


def _check_bid(group: Mapping[str, Any]) -> None:
    price = group.get("BidPrice")
    if not price:
        return
    if group.get("Market", "ON_DEMAND") != "SPOT":
        raise validation("Attempted to set bid price for on demand instance group.")
    if not re.fullmatch(r"-?\d*\.?\d+", price):
        raise validation("The bid price supplied for an instance group is invalid")
    if float(price) <= 0:
        raise validation("The bid price is negative or zero.")
    if len(price.partition(".")[2]) > 3:  # noqa: PLR2004 - EMR's words
        raise validation("No more than 3 digits are allowed after decimal place in bid price")
