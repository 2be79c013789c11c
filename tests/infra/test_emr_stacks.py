"""EMR's roles, its security configuration, the development cluster, the serverless application."""

import json
import re
from pathlib import Path

import pytest

from sparkdrop.configs import load_files
from sparkdrop.core.compute import EmrModel
from sparkdrop.core.config import no_lookup
from sparkdrop.core.deployment import Deployment, read_outputs
from sparkdrop.core.emr_request import TAG_BATCH, TAG_DEPLOYMENT, TAG_MANAGED, TAG_PIPELINE, build_job_flow
from sparkdrop.core.pipeline import Pipeline

REPOSITORY = Path(__file__).parents[2]
STAGES = ("dev", "prod", "full", "existing")
PRODUCERS = ("S3Stack", "NetworkStack", "EventsStack", "EMRRolesStack")
# what a cluster does not ask for
ELSEWHERE = {"SPARKDROP_ARRIVALS_QUEUE_URL": "queue"}


def flatten(value):
    """A resource as one string; what another stack exports is called by its logical id's first words."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return "".join(map(flatten, argument[1]))
    if function == "Fn::ImportValue":
        return re.sub(r".*?:ExportsOutput(?:Ref|FnGetAtt)([A-Z][a-z]+).*", r"<\1>", argument)
    if function == "Fn::GetAtt":
        return f"<{argument[0]}>"
    return f"<{argument}>"


def listed(value):
    return value if isinstance(value, list) else [value]


def statements_of(template, role_part):
    """Every statement of a role: of its own policies and of the managed ones in its stack."""
    (role_id,) = [name for name in template.all("AWS::IAM::Role") if role_part in name]
    role = template.body["Resources"][role_id]["Properties"]
    managed = [found["Ref"] for found in role.get("ManagedPolicyArns", ()) if "Ref" in found]
    own = [
        name
        for name, policy in template.all("AWS::IAM::Policy").items()
        if {"Ref": role_id} in policy["Properties"]["Roles"]
    ]
    return [
        statement
        for name in (*managed, *own)
        for statement in template.body["Resources"][name]["Properties"]["PolicyDocument"]["Statement"]
    ]


def grants_of(template, role_part):
    """Pairs of an action and a resource that a role is allowed, whatever the conditions."""
    statements = statements_of(template, role_part)
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return {
        (action, flatten(resource))
        for statement in statements
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def grant(actions, resource):
    return {(f"s3:{action}", resource) for action in actions.split()}


READ = "GetObject GetObjectVersion"
WRITE = "AbortMultipartUpload DeleteObject GetObject ListMultipartUploadParts PutObject"
DATA = {
    *grant("ListBucket", "<Uploads>"),
    *grant(READ, "<Uploads>/*"),
    *grant("ListBucket", "<Artifacts>"),
    *(grant("GetObject", "<Artifacts>/programs/*") | grant("GetObject", "<Artifacts>/dependencies/*")),
    *grant("GetObject", "<Artifacts>/batches/*/manifest.json"),
    *grant("PutObject", "<Artifacts>/batches/*/report.json"),
    *grant("PutObject", "<Artifacts>/batches/*/failure.json"),
    *grant("ListBucket ListBucketMultipartUploads", "<Curated>"),
    *grant(WRITE, "<Curated>/*"),
}
PARTNERS_KEY = "arn:aws:kms:eu-west-1:999999999999:key/01234567-89ab-cdef-0123-456789abcdef"
SESSIONS = {
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}


def test_a_job_reads_uploads_and_writes_results_and_does_nothing_else(load_template):
    scripts = "arn:<AWS::Partition>:s3:::<AWS::Region>.elasticmapreduce/*"
    nodes = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:instance/*"
    node = (
        grant("AbortMultipartUpload PutObject", "<Logs>/emr/*")
        | grant("GetObject", scripts)
        | {(action, "*") for action in SESSIONS}
        | {("ssm:UpdateInstanceInformation", nodes)}
    )
    template = load_template("EMRRolesStack")
    assert grants_of(template, "InstanceRole") == DATA | node
    assert grants_of(template, "ServerlessRole") == DATA | grant("PutObject", "<Logs>/emr-serverless/*")


def test_of_the_artifacts_a_job_lists_what_it_may_see(load_template):
    (listing,) = [
        statement
        for statement in statements_of(load_template("EMRRolesStack"), "InstanceRole")
        if "Artifacts" in json.dumps(statement) and statement["Action"] == "s3:ListBucket"
    ]
    assert listing["Condition"] == {
        "StringLike": {"s3:prefix": ["programs/*", "dependencies/*", "batches/*"]}
    }


@pytest.mark.parametrize("role", ["InstanceRole", "ServerlessRole"])
def test_partners_buckets_are_read_and_keys_used_where_the_stage_has_them(load_template, role):
    plain, full = (grants_of(load_template("EMRRolesStack", stage), role) for stage in ("dev", "full"))
    partner = grant("ListBucket", "arn:aws:s3:::partner-drops") | grant(READ, "arn:aws:s3:::partner-drops/*")
    assert {pair for pair in full if "partner" in pair[1]} == partner
    assert not {pair for pair in plain if pair[0].startswith("kms:")}
    assert {("kms:Decrypt", "<Data>"), ("kms:GenerateDataKey", "<Data>")} <= full


@pytest.mark.parametrize("stage", STAGES)
def test_a_shell_is_for_stages_with_a_cluster_to_develop_on(load_template, stage):
    found = {
        action
        for action, resource in grants_of(load_template("EMRRolesStack", stage), "InstanceRole")
        if resource == "*"
    }
    assert found == (SESSIONS if stage in {"dev", "full"} else set())


@pytest.mark.parametrize(
    ("role", "service", "source"),
    [
        ("ServiceRole", "elasticmapreduce", "elasticmapreduce:<AWS::Region>:<AWS::AccountId>:*"),
        ("ServerlessRole", "emr-serverless", "emr-serverless:<AWS::Region>:<AWS::AccountId>:/applications/*"),
    ],
)
def test_services_take_their_role_for_this_account_only(load_template, role, service, source):
    (trust,) = load_template("EMRRolesStack").properties("AWS::IAM::Role", role)["AssumeRolePolicyDocument"][
        "Statement"
    ]
    assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert flatten(trust["Condition"]["ArnLike"]["aws:SourceArn"]) == f"arn:<AWS::Partition>:{source}"


@pytest.mark.parametrize("stage", STAGES)
def test_emr_passes_the_nodes_role_and_no_other(load_template, stage):
    template = load_template("EMRRolesStack", stage)
    role = template.properties("AWS::IAM::Role", "ServiceRole")
    assert [flatten(policy).rpartition("/")[2] for policy in role["ManagedPolicyArns"]] == [
        "AmazonEMRServicePolicy_v2"
    ]
    (instance,) = [name for name in template.all("AWS::IAM::Role") if "InstanceRole" in name]
    passing = [one for one in statements_of(template, "ServiceRole") if one["Action"] == "iam:PassRole"]
    assert passing == [
        {
            "Action": "iam:PassRole",
            "Condition": {
                "StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}
            },
            "Effect": "Allow",
            "Resource": {"Fn::GetAtt": [instance, "Arn"]},
        }
    ]
    profile = template.properties("AWS::IAM::InstanceProfile")
    assert profile["Roles"] == [{"Ref": instance}]


@pytest.mark.parametrize(
    ("stage", "has_key"), [("dev", False), ("existing", False), ("prod", True), ("full", True)]
)
def test_nodes_have_imdsv2_only_and_disks_under_the_stages_key(load_template, stage, has_key):
    template = load_template("EMRRolesStack", stage)
    configuration = template.properties("AWS::EMR::SecurityConfiguration")["SecurityConfiguration"]
    assert configuration["InstanceMetadataServiceConfiguration"] == {
        "MinimumInstanceMetadataServiceVersion": 2,
        "HttpPutResponseHopLimit": 1,
    }
    assert ("EncryptionConfiguration" in configuration) == has_key
    grants = {
        (action, re.sub(r"<DiskKey\w+>", "<DiskKey>", resource))
        for action, resource in grants_of(template, "ServiceRole")
    }
    assert {resource for action, resource in grants if action == "kms:CreateGrant"} == (
        {"<DiskKey>"} if has_key else set()
    )
    if has_key:
        at_rest = configuration["EncryptionConfiguration"]["AtRestEncryptionConfiguration"]
        disks = at_rest["LocalDiskEncryptionConfiguration"]
        assert (disks["EnableEbsEncryption"], _name_key(disks["AwsKmsKey"])) == (True, "<DiskKey>")
        assert ("kms:Decrypt", "<DiskKey>") in grants
        (making,) = [
            one for one in statements_of(template, "ServiceRole") if one["Action"] == "kms:CreateGrant"
        ]
        assert making["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def _name_key(value):
    return re.sub(r"<DiskKey\w+>", "<DiskKey>", flatten(value))


@pytest.mark.parametrize("role", ["ServiceRole", "InstanceRole", "ServerlessRole"])
def test_the_datas_key_is_used_through_s3_only_and_the_disks_is_another(load_template, role):
    template = load_template("EMRRolesStack", "full")
    uses = [
        statement
        for statement in statements_of(template, role)
        if any(action.startswith("kms:") for action in listed(statement["Action"]))
    ]
    for statement in uses:
        (key,) = {_name_key(resource) for resource in listed(statement["Resource"])}
        if key != "<DiskKey>":
            assert list(statement["Condition"]["StringEquals"]) == ["kms:ViaService"]
    disk, data = ["<DiskKey>"], ["<Data>", PARTNERS_KEY]
    assert sorted(map(_name_key, (use["Resource"] for use in uses))) == sorted(
        {"ServiceRole": disk * 2, "InstanceRole": disk + data, "ServerlessRole": data}[role]
    )


@pytest.mark.parametrize("role", ["InstanceRole", "ServerlessRole"])
def test_a_partners_key_opens_what_s3_hands_out_in_the_keys_region_and_no_more(load_template, role):
    (use,) = [
        statement
        for statement in statements_of(load_template("EMRRolesStack", "full"), role)
        if statement["Resource"] == PARTNERS_KEY
    ]
    (condition,) = use["Condition"]["StringEquals"].values()
    assert (use["Action"], flatten(condition)) == ("kms:Decrypt", "s3.eu-west-1.<AWS::URLSuffix>")


# the development cluster


def read_exports(load_template, stage):
    """What the stacks' outputs put into a deployment, as the names that other stacks import it by."""
    exports = {}
    for stack in PRODUCERS:
        outputs = load_template(stack, stage).body["Outputs"]
        names = {json.dumps(one["Value"]): name for name, one in outputs.items() if "Export" not in one}
        exports |= {
            one["Export"]["Name"]: names[json.dumps(one["Value"])]
            for one in outputs.values()
            if "Export" in one and json.dumps(one["Value"]) in names
        }
    return exports


def fill_in(value, exports):
    """Put for each import the name of the output that has the same value."""
    if isinstance(value, dict):
        if list(value) == ["Fn::ImportValue"]:
            return exports[value["Fn::ImportValue"]]
        if list(value) == ["Fn::Join"]:
            return "".join(fill_in(part, exports) for part in value["Fn::Join"][1])
        return {key: fill_in(one, exports) for key, one in value.items()}
    return [fill_in(one, exports) for one in value] if isinstance(value, list) else value


def to_job_flow(properties):
    """The cluster's properties as RunJobFlow spells them."""
    request = json.loads(json.dumps(properties).replace('"ConfigurationProperties"', '"Properties"'))
    instances = request["Instances"]
    for kind, role_key in (("InstanceGroup", "InstanceRole"), ("InstanceFleet", "InstanceFleetType")):
        found = [
            {role_key: role.upper(), **instances.pop(f"{role}{kind}")}
            for role in ("Master", "Core")
            if f"{role}{kind}" in instances
        ]
        found += [{role_key: "TASK", **one} for one in instances.pop(f"Task{kind}s", ())]
        if found:
            instances[f"{kind}s"] = found
    request["Tags"] = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    return request


def build_expected(load_template, stage, compute):
    """The request of a pipeline of the shipped defaults, in a deployment whose names are the outputs' own."""
    draft = json.dumps({"arrival": {"keys": ["p/*.csv"]}, "compute": compute})
    defaults = REPOSITORY / "include" / "emr_configs" / "_defaults.yaml"
    loaded = load_files([defaults], drafts={"p.yaml": draft}, lookup=no_lookup)
    outputs = {
        name: name
        for stack in PRODUCERS
        for name, one in load_template(stack, stage).body["Outputs"].items()
        if "Export" not in one
    }
    deployment = Deployment.from_environment({**ELSEWHERE, **read_outputs(outputs)})
    request = build_job_flow(loaded.pipelines["p"], deployment, 0, "B")
    return request | {"Tags": {tag["Key"]: tag["Value"] for tag in request["Tags"]}}


@pytest.mark.parametrize(
    ("stage", "compute"),
    [("dev", {"idle_timeout": "60m"}), ("full", {"idle_timeout": "60m", "release": "emr-7.13.0"})],
)
def test_the_development_cluster_is_what_a_pipeline_asks_for(load_template, stage, compute):
    properties = load_template("EMRStack", stage).properties("AWS::EMR::Cluster")
    cluster = to_job_flow(fill_in(properties, read_exports(load_template, stage)))
    expected = build_expected(load_template, stage, compute)
    assert {"ReleaseLabel", "SecurityConfiguration"} <= expected.keys()
    assert {"Ec2SubnetId", "ServiceAccessSecurityGroup"} <= expected["Instances"].keys()

    tags, asked = cluster.pop("Tags"), expected.pop("Tags")
    # the reaper ends what has a batch's tag and no run; a pipeline may use what has the deployment's
    assert {key: tags.get(key) for key in asked} == asked | {TAG_BATCH: None, TAG_PIPELINE: None}
    assert (tags[TAG_DEPLOYMENT], tags[TAG_MANAGED]) == ("LedgerTable", "true")
    assert (cluster.pop("Name"), expected.pop("Name")) == (f"sparkdrop-{stage}-development", "sparkdrop p B")
    assert cluster == expected


def test_the_development_cluster_tells_how_to_reach_it(load_template):
    outputs = {name: flatten(one["Value"]) for name, one in load_template("EMRStack").body["Outputs"].items()}
    (cluster,) = load_template("EMRStack").all("AWS::EMR::Cluster")
    region = "--region <AWS::Region>"
    assert outputs == {
        "JobFlowId": f"<{cluster}>",
        "ConsoleUrl": "https://console.aws.amazon.com/emr/home?region=<AWS::Region>"
        f"#/clusterDetails/<{cluster}>",
        "ClusterLogs": f"s3://<Logs>/emr/<{cluster}>/",
        "ConnectCommand": f'aws ssm start-session {region} --target "$(aws emr list-instances {region} '
        f"--cluster-id <{cluster}> --instance-group-types MASTER --instance-states RUNNING "
        "--query 'Instances[0].Ec2InstanceId' --output text)\"",
    }


TRANSLATION = """
import json, sys
from pathlib import Path
import infra
import aws_cdk as cdk
from aws_cdk.assertions import Template
from aws_cdk.aws_emr import CfnCluster
from infra.constructs.job_flow_properties import UntranslatedKeyError, translate_job_flow

answers = []
for request in json.loads(Path(sys.argv[1]).read_text()):
    stack = cdk.Stack()
    try:
        CfnCluster(stack, "Cluster", **translate_job_flow(request))
    except UntranslatedKeyError as error:
        answers.append(str(error))
        continue
    (cluster,) = Template.from_stack(stack).to_json()["Resources"].values()
    answers.append(cluster["Properties"])
print(json.dumps(answers))
"""
EBS = {
    "EbsOptimized": True,
    "EbsBlockDeviceConfigs": [
        {
            "VolumesPerInstance": 2,
            "VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": 64, "Iops": 3000, "Throughput": 250},
        }
    ],
}
SETTINGS = [
    {
        "Classification": "spark-env",
        "Properties": {},
        "Configurations": [{"Classification": "export", "Properties": {"A": "b"}, "Configurations": []}],
    }
]
NODE = {
    "InstanceType": "m7g.xlarge",
    "BidPrice": "0.1",
    "CustomAmiId": "ami-01234567",
    "Configurations": SETTINGS,
    "EbsConfiguration": EBS,
}
GROUP = {**NODE, "InstanceCount": 1, "Market": "SPOT"}
FLEET = {
    "Name": "n",
    "TargetOnDemandCapacity": 1,
    "TargetSpotCapacity": 2,
    "InstanceTypeConfigs": [
        {**NODE, "WeightedCapacity": 1, "BidPriceAsPercentageOfOnDemandPrice": 50.5, "Priority": 1.5}
    ],
    "LaunchSpecifications": {
        "SpotSpecification": {
            "TimeoutDurationMinutes": 10,
            "TimeoutAction": "SWITCH_TO_ON_DEMAND",
            "BlockDurationMinutes": 60,
            "AllocationStrategy": "diversified",
        },
        "OnDemandSpecification": {"AllocationStrategy": "lowest-price"},
    },
}
COMPUTE = [
    {
        "instance_groups": [
            {"InstanceRole": role, "Name": name, **GROUP}
            for name, role in {"p": "MASTER", "c": "CORE", "t": "TASK", "u": "TASK"}.items()
        ]
    },
    {"instance_fleets": [{"InstanceFleetType": role, **FLEET} for role in ("MASTER", "CORE", "TASK")]},
]


def test_the_requests_below_hold_every_key_that_a_pipeline_may_write():
    written = set(re.findall(r'"(\w+)":', json.dumps(COMPUTE)))
    known = {field.alias for model in EmrModel.__subclasses__() for field in model.model_fields.values()}
    assert known <= written


def test_all_that_a_pipeline_may_ask_of_emr_has_a_property_and_the_rest_is_refused(start_python, tmp_path):
    deployment = Deployment(
        **{name: name for name, info in Deployment.model_fields.items() if info.is_required()}
    )
    arrival = {"keys": ["p/*.csv"]}
    requests = [
        build_job_flow(
            Pipeline.model_validate({"name": "p", "arrival": arrival, "compute": compute}), deployment, 0, "B"
        )
        for compute in COMPUTE
    ]
    first = requests[0]
    wrong = [
        first | {"KerberosAttributes": {}},
        first | {"Instances": {**first["Instances"], "Ec2KeyName": "k"}},
        first | {"Instances": {"InstanceGroups": [{"InstanceRole": "CORE", **GROUP}] * 2}},
    ]
    file = tmp_path / "requests.json"
    file.write_text(json.dumps([*requests, *wrong]), encoding="utf-8")
    output, _ = start_python("-P", "-c", TRANSLATION, str(file), PYTHONPATH=".").communicate(timeout=120)
    answers = json.loads(output)
    for request, properties in zip(requests, answers[:2], strict=True):
        asked = json.loads(json.dumps(request))
        assert to_job_flow(properties) == asked | {
            "Tags": {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
        }
    assert [answer.partition(": no property")[0] for answer in answers[2:]] == [
        "RunJobFlow: KerberosAttributes",
        "Instances: Ec2KeyName",
        "instance_group: two of role CORE",
    ]


# the serverless application


@pytest.mark.parametrize(("stage", "release"), [("dev", "emr-spark-8.0.0"), ("full", "emr-7.13.0")])
def test_the_serverless_application_is_capped_stops_and_logs(load_template, stage, release):
    properties = load_template("EMRServerlessStack", stage).properties("AWS::EMRServerless::Application")
    assert (properties["Type"], properties["Architecture"]) == ("SPARK", "ARM64")
    assert properties["ReleaseLabel"] == release
    assert properties["MaximumCapacity"] == {"Cpu": "64 vCPU", "Memory": "512 GB"}
    assert properties["AutoStartConfiguration"] == {"Enabled": True}
    assert properties["AutoStopConfiguration"] == {"Enabled": True, "IdleTimeoutMinutes": 15}
    assert properties["InteractiveConfiguration"] == {"LivyEndpointEnabled": False, "StudioEnabled": False}
    logs = properties["MonitoringConfiguration"]["S3MonitoringConfiguration"]["LogUri"]
    assert flatten(logs) == "s3://<Logs>/emr-serverless/"
    # nothing that is warm costs while no job runs
    assert "InitialCapacity" not in properties


def test_an_image_is_the_applications_where_the_settings_name_one(load_template):
    plain, full = (
        load_template("EMRServerlessStack", stage).properties("AWS::EMRServerless::Application")
        for stage in ("dev", "full")
    )
    assert "ImageConfiguration" not in plain
    image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/spark-jobs:2026-11-24"
    assert full["ImageConfiguration"] == {"ImageUri": image}


@pytest.mark.parametrize(("stage", "subnets"), [("dev", 2), ("full", 3), ("existing", 2)])
def test_serverless_workers_are_in_private_subnets_and_nobody_reaches_them(load_template, stage, subnets):
    template = load_template("EMRServerlessStack", stage)
    network = template.properties("AWS::EMRServerless::Application")["NetworkConfiguration"]
    (group_id,) = template.all("AWS::EC2::SecurityGroup")
    assert network["SecurityGroupIds"] == [{"Fn::GetAtt": [group_id, "GroupId"]}]
    assert len({json.dumps(subnet) for subnet in network["SubnetIds"]}) == subnets
    group = template.properties("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert not template.all("AWS::EC2::SecurityGroupIngress")
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]
