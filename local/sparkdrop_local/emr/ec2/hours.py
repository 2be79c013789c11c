"""NormalizedInstanceHours: a cluster's cost in hours of a small instance. Pure.

An hour of an instance counts by its size; each begun hour counts whole. The sizes' factors:
https://aws.amazon.com/emr/faqs/ (Billing: normalized instance hours).
"""

import math
import re

from sparkdrop_local.emr.ec2.nodes import Instance
from sparkdrop_local.emr.ec2.records import Cluster

_FACTORS = {"nano": 1, "micro": 1, "small": 1, "medium": 2, "large": 4, "xlarge": 8}
_MULTIPLE = re.compile(r"(?:metal-)?(?P<times>\d+)xl(?:arge)?")
# a whole machine's size is not in its name; most have 24xlarge's 96 vCPUs
_METAL = 192
_HOUR_SECONDS = 3_600


def count_normalized_hours(cluster: Cluster, *, now: float) -> int:
    """Count the normalized hours that a cluster's instances have run for."""
    return sum(
        _factor_of(instance.instance_type) * _count_hours(instance, now)
        for collection in cluster.collections.values()
        for instance in collection.instances.values()
    )


def _count_hours(instance: Instance, now: float) -> int:
    ready, ended = instance.timeline.ready, instance.timeline.ended
    if ready is None:
        return 0
    return max(math.ceil(((now if ended is None else ended) - ready) / _HOUR_SECONDS), 1)


def _factor_of(instance_type: str) -> int:
    size = instance_type.rpartition(".")[2]
    if match := _MULTIPLE.fullmatch(size):
        return 8 * int(match["times"])
    return _FACTORS.get(size, _METAL)
