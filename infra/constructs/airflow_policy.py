"""What an Airflow that runs the pipelines may do: the calls that ``plugins/sparkdrop`` makes, no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.acknowledged_wildcards import acknowledge_objects, acknowledge_wildcard
from infra.constructs.key_use import allow_bucket_keys, allow_partner_keys
from infra.constructs.ledger_table import LIST_INDEXES
from sparkdrop.core.emr_request import TAG_BATCH, TAG_DEPLOYMENT, TAG_MANAGED, TAG_PIPELINE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sqs as sqs

    from infra.constructs.data_bucket import DataBuckets
    from infra.constructs.emr_roles import EmrRoles

# Without ListBucket S3 answers "forbidden" for an object that is not there, and the code has to know which:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
_LIST = "s3:ListBucket"

# Where sparkdrop.core.emr_request puts things.
_PROGRAMS = "programs/*"
_MANIFESTS = "batches/*/manifest.json"
_REPORTS = ("batches/*/report.json", "batches/*/failure.json")
_STEP_LOGS = "emr/*"


class AirflowPolicy(Construct):
    """A managed policy for the role of Airflow's processes, whatever they run in.

    Job flows are told apart by a tag that names the deployment: the ledger's table
    (:data:`sparkdrop.core.emr_request.TAG_DEPLOYMENT`). One that a pipeline reuses (``compute.reuse``) has to
    carry that tag too.

    Attributes:
        policy: The policy.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        buckets: DataBuckets,
        partner_buckets: Iterable[s3.IBucket],
        partner_keys: Iterable[str],
        arrivals: sqs.IQueue,
        ledger: dynamodb.ITable,
        roles: EmrRoles,
    ) -> None:
        """Create the policy.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            buckets: The stage's.
            partner_buckets: Buckets of others that pipelines read.
            partner_keys: The ARNs of the keys that objects in these lie under.
            arrivals: The queue that the arrival stream reads.
            ledger: The table of uploads and batches; its name is the value of our job flows' tag.
            roles: The two that a job flow gets.
        """
        super().__init__(scope, construct_id)
        drops = [buckets.uploads, *partner_buckets]
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="What an Airflow that runs Sparkdrop's pipelines may do",
            statements=[
                *_allow_reading_drops(drops),
                *_allow_own_objects(buckets),
                *allow_bucket_keys(buckets.uploads, buckets.artifacts, buckets.logs),
                *allow_partner_keys(partner_keys),
                *_allow_queue_and_ledger(arrivals, ledger),
                *_allow_job_flows(self, ledger.table_name),
                *_allow_passing(roles),
                _allow_first_cluster(self),
            ],
        )
        self._acknowledge(buckets, drops)

    def _acknowledge(self, buckets: DataBuckets, drops: Iterable[s3.IBucket]) -> None:
        acknowledge_wildcard(
            self.policy, "*", "RunJobFlow and ListClusters take no resource; the first asks for our tags"
        )
        acknowledge_wildcard(
            self.policy,
            _name_clusters(self, "*"),
            "A cluster's id is known to none before; its tag is asked for, of one that is there already",
        )
        objects = [
            *(
                (bucket, "*", "Any object may be a drop; Airflow reads, and never writes here")
                for bucket in drops
            ),
            (
                buckets.curated,
                "*",
                "Each pipeline's output has a prefix of its own; a failed batch's is deleted",
            ),
            (buckets.artifacts, _PROGRAMS, "A program's folder is its hash"),
            (buckets.artifacts, _MANIFESTS, "A batch's folder is its id"),
            *((buckets.artifacts, key, "A batch's folder is its id") for key in _REPORTS),
            (buckets.logs, _STEP_LOGS, "A log's folder is the cluster's id"),
        ]
        for bucket, pattern, reason in objects:
            acknowledge_objects(self.policy, bucket, pattern, reason)


def _allow_reading_drops(drops: list[s3.IBucket]) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=[_LIST, "s3:ListBucketVersions"], resources=[bucket.bucket_arn for bucket in drops]
        ),
        iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[bucket.arn_for_objects("*") for bucket in drops]
        ),
    ]


def _allow_own_objects(buckets: DataBuckets) -> list[iam.PolicyStatement]:
    """Programs and manifests are written, reports and step logs read, a failed batch's output deleted."""
    own = (buckets.curated, buckets.artifacts, buckets.logs)
    programs = buckets.artifacts.arn_for_objects(_PROGRAMS)
    return [
        iam.PolicyStatement(actions=[_LIST], resources=[bucket.bucket_arn for bucket in own]),
        iam.PolicyStatement(
            actions=["s3:PutObject"],
            resources=[programs, buckets.artifacts.arn_for_objects(_MANIFESTS)],
        ),
        iam.PolicyStatement(
            actions=["s3:GetObject"],
            resources=[
                programs,
                *(buckets.artifacts.arn_for_objects(key) for key in _REPORTS),
                buckets.logs.arn_for_objects(_STEP_LOGS),
            ],
        ),
        iam.PolicyStatement(actions=["s3:DeleteObject"], resources=[buckets.curated.arn_for_objects("*")]),
    ]


def _allow_queue_and_ledger(arrivals: sqs.IQueue, ledger: dynamodb.ITable) -> list[iam.PolicyStatement]:
    # A transaction is permitted by the actions that it holds:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    items = ("BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
    return [
        iam.PolicyStatement(
            actions=["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"],
            resources=[arrivals.queue_arn],
        ),
        iam.PolicyStatement(actions=[f"dynamodb:{item}" for item in items], resources=[ledger.table_arn]),
        iam.PolicyStatement(
            actions=["dynamodb:Query"],
            resources=[f"{ledger.table_arn}/index/{index}" for index in LIST_INDEXES],
        ),
    ]


def _allow_job_flows(scope: Construct, deployment: str) -> list[iam.PolicyStatement]:
    """Start job flows that carry our tags, and do anything else with such job flows only.

    RunJobFlow and ListClusters take no resource:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticmapreduce.html
    """
    our_tags = {
        "StringEquals": {
            f"aws:RequestTag/{TAG_DEPLOYMENT}": deployment,
            f"aws:RequestTag/{TAG_MANAGED}": "true",
        },
        "Null": {f"aws:RequestTag/{TAG_PIPELINE}": "false", f"aws:RequestTag/{TAG_BATCH}": "false"},
    }
    is_ours = f"elasticmapreduce:ResourceTag/{TAG_DEPLOYMENT}"

    return [
        iam.PolicyStatement(actions=["elasticmapreduce:RunJobFlow"], resources=["*"], conditions=our_tags),
        iam.PolicyStatement(actions=["elasticmapreduce:ListClusters"], resources=["*"]),
        # RunJobFlow with tags asks for this too, on what it calls `cluster/*` since there is no id yet.
        # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-fine-grained-cluster-access.html
        iam.PolicyStatement(
            actions=["elasticmapreduce:AddTags"], resources=[_name_clusters(scope, "*")], conditions=our_tags
        ),
        # So does RunJobFlow with an AutoTerminationPolicy, by which no tag is sent and none is there yet.
        # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html
        iam.PolicyStatement(
            actions=["elasticmapreduce:PutAutoTerminationPolicy"], resources=[_name_clusters(scope, "*")]
        ),
        # Whoever may tag what is there already may make it theirs, and then terminate it; whoever sets when
        # an idle cluster ends does that too.
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=["elasticmapreduce:AddTags", "elasticmapreduce:PutAutoTerminationPolicy"],
            resources=[_name_clusters(scope, "j-*")],
            conditions={"StringNotEquals": {is_ours: deployment}},
        ),
        iam.PolicyStatement(
            actions=[
                f"elasticmapreduce:{action}"
                for action in (
                    "AddJobFlowSteps",
                    "CancelSteps",
                    "DescribeCluster",
                    "DescribeStep",
                    "ListSteps",
                    "TerminateJobFlows",
                )
            ],
            resources=[_name_clusters(scope, "*")],
            conditions={"StringEquals": {is_ours: deployment}},
        ),
    ]


def _name_clusters(scope: Construct, pattern: str) -> str:
    return cdk.Stack.of(scope).format_arn(
        service="elasticmapreduce", resource="cluster", resource_name=pattern
    )


def _allow_passing(roles: EmrRoles) -> list[iam.PolicyStatement]:
    """Hand EMR its role, and through EMR the nodes theirs: each to its own service.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-managed-policy-fullaccess-v2.html
    """
    pairs = {"elasticmapreduce.amazonaws.com": roles.service, "ec2.amazonaws.com": roles.instance}
    return [
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[role.role_arn],
            # China's services have names of their own
            conditions={"StringEquals": {"iam:PassedToService": [service, f"{service}.cn"]}},
        )
        for service, role in pairs.items()
    ]


def _allow_first_cluster(scope: Construct) -> iam.PolicyStatement:
    """An account's first RunJobFlow makes EMR's own role for cleaning up, in the name of whoever calls.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/using-service-linked-roles-cleanup.html
    """
    services = ["elasticmapreduce.amazonaws.com", "elasticmapreduce.amazonaws.com.cn"]
    return iam.PolicyStatement(
        actions=["iam:CreateServiceLinkedRole"],
        resources=[
            cdk.Stack.of(scope).format_arn(
                service="iam",
                region="",
                resource="role",
                resource_name=f"aws-service-role/{service}/AWSServiceRoleForEMRCleanup",
            )
            for service in services
        ],
        conditions={"StringEquals": {"iam:AWSServiceName": services}},
    )
