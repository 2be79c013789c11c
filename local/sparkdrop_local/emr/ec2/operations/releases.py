"""Releases and the instance types that they run on."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import EmrError, invalid_request
from sparkdrop_local.emr.paging import take_page
from sparkdrop_local.emr.releases import APPLICATIONS, is_release

_MOST_RESULTS = 100
_SIZES = {"xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}
# Gibibytes a virtual CPU; all of these have no disks of their own.
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-supported-instance-types.html
_FAMILIES = {
    "c6g": ("ARM64", 2), "c7g": ("ARM64", 2), "m5": ("X86_64", 4), "m6g": ("ARM64", 4), "m6i": ("X86_64", 4),
    "m7g": ("ARM64", 4), "r5": ("X86_64", 8), "r6g": ("ARM64", 8), "r6i": ("X86_64", 8), "r7g": ("ARM64", 8),
}  # fmt: skip


def list_release_labels(_: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List the releases whose applications are known here, the newest first."""
    filters = parameters.get("Filters", {})
    prefix, application = filters.get("Prefix", ""), filters.get("Application", "")
    labels = [
        label
        for label, versions in APPLICATIONS.items()
        if label.startswith(prefix) and _has(versions, application)
    ]
    page, token = _take(labels, parameters)
    return {"ReleaseLabels": page, "NextToken": token}


def describe_release_label(_: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a release: the newest one, unless it is named; of one that is not listed, no applications."""
    label = parameters.get("ReleaseLabel") or next(iter(APPLICATIONS))
    if not is_release(label):
        raise invalid_request(f"The supplied release label is invalid: {label}.")
    page, token = _take(list(APPLICATIONS.get(label, {})), parameters)
    versions = APPLICATIONS.get(label, {})
    return {
        "ReleaseLabel": label,
        "Applications": [{"Name": name, "Version": versions[name]} for name in page],
        "NextToken": token,
    }


def list_supported_instance_types(_: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List some of the instance types that current releases run on; a cluster may ask for others as well."""
    label = parameters["ReleaseLabel"]
    if not is_release(label):
        raise invalid_request(f"The supplied release label is invalid: {label}.")
    types = [
        {
            "Type": f"{family}.{size}",
            "MemoryGB": float(cpus * memory),
            "StorageGB": 0,
            "VCPU": cpus,
            "Is64BitsOnly": True,
            "InstanceFamilyId": family,
            "EbsOptimizedAvailable": True,
            "EbsOptimizedByDefault": True,
            "NumberOfDisks": 0,
            "EbsStorageOnly": True,
            "Architecture": architecture,
        }
        for family, (architecture, memory) in _FAMILIES.items()
        for size, cpus in _SIZES.items()
    ]
    page, marker = take_page(types, parameters.get("Marker"), lambda one: str(one["Type"]))
    return {"SupportedInstanceTypes": page, "Marker": marker}


def _has(versions: Mapping[str, str], application: str) -> bool:
    """Whether a release has an application, named alone or as ``name@version``, and nothing asked is had."""
    name, _, version = application.partition("@")
    return not name or any(
        name.lower() == known.lower() and found.startswith(version) for known, found in versions.items()
    )


def _take(items: list[str], parameters: Mapping[str, Any]) -> tuple[list[str], str | None]:
    try:
        size = parameters.get("MaxResults", _MOST_RESULTS)
        return take_page(items, parameters.get("NextToken"), lambda item: item, size=size)
    except EmrError as error:
        raise invalid_request(f"NextToken '{parameters['NextToken']}' is not valid.") from error


OPERATIONS = {
    "ListReleaseLabels": list_release_labels,
    "DescribeReleaseLabel": describe_release_label,
    "ListSupportedInstanceTypes": list_supported_instance_types,
}
