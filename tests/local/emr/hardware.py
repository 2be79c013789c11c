"""Instance groups and fleets to ask for, and what a local EMR says of them."""

from typing import Any

from tests.local.emr.calls import NEEDED


def group(role: str, count: int, market: str = "ON_DEMAND", **more: Any) -> dict:
    return {
        "InstanceRole": role,
        "InstanceType": "m5.xlarge",
        "InstanceCount": count,
        "Market": market,
        **more,
    }


def fleet(role: str, on_demand: int, spot: int, weight: int = 1, **more: Any) -> dict:
    return {
        "InstanceFleetType": role,
        "TargetOnDemandCapacity": on_demand,
        "TargetSpotCapacity": spot,
        "InstanceTypeConfigs": [{"InstanceType": "r5.2xlarge", "WeightedCapacity": weight}],
        **more,
    }


def run_groups(emr: Any, *groups: dict, **more: Any) -> str:
    return emr.run(instances={"InstanceGroups": list(groups)}, **more)


def run_fleets(emr: Any, *fleets: dict, keep_alive: bool = True) -> str:
    instances = {"InstanceFleets": list(fleets), "KeepJobFlowAliveWhenNoSteps": keep_alive}
    return emr.client.run_job_flow(Name="fleets", Instances=instances, **NEEDED)["JobFlowId"]


def groups_of(emr: Any, cluster: str) -> list[dict]:
    return emr.client.list_instance_groups(ClusterId=cluster)["InstanceGroups"]


def fleets_of(emr: Any, cluster: str) -> list[dict]:
    return emr.client.list_instance_fleets(ClusterId=cluster)["InstanceFleets"]


def instances_of(emr: Any, cluster: str, **filters: Any) -> list[dict]:
    pages = emr.client.get_paginator("list_instances").paginate(ClusterId=cluster, **filters)
    return [one for page in pages for one in page["Instances"]]


def states_of(emr: Any, cluster: str) -> list[str]:
    return [one["Status"]["State"] for one in instances_of(emr, cluster)]
