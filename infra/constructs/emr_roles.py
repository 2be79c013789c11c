"""The roles of EMR: its own, its nodes', and its serverless jobs'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam


@dataclass(frozen=True, slots=True)
class EmrRoles:
    """Who EMR and its jobs are.

    Attributes:
        service: What EMR itself may do: start and end nodes.
        instance: What a cluster's nodes, and so its Spark jobs, may do.
        instance_profile: The profile that hands ``instance`` to nodes; RunJobFlow's JobFlowRole.
        serverless: What a job of EMR Serverless may do: the same as ``instance`` with data, and no more.
    """

    service: iam.IRole
    instance: iam.IRole
    instance_profile: iam.IInstanceProfile
    serverless: iam.IRole
