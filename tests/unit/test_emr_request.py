from itertools import pairwise

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from sparkdrop.core.deployment import Deployment
from sparkdrop.core.emr_request import (
    MAX_STEP_CHARACTERS,
    build_job_flow,
    build_step,
)
from sparkdrop.core.errors import BatchFailedError
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.program import ShippedProgram, locate_program
from sparkdrop.core.spark_dependencies import describe_settings

GIB = 2**30
PROGRAM = ShippedProgram("s3://a/p.py")
BATCH = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
DEPLOYMENT = Deployment(
    uploads_bucket="uploads",
    curated_bucket="curated",
    artifacts_bucket="artifacts",
    logs_bucket="logs",
    arrivals_queue_url="http://queue",
    ledger_table="ledger",
    emr_service_role="service",
    emr_instance_profile="profile",
    emr_subnet_id="subnet-1",
)
FLEETS = [
    {
        "InstanceFleetType": "MASTER",
        "TargetOnDemandCapacity": 1,
        "InstanceTypeConfigs": [
            {
                "InstanceType": "m7g.xlarge",
                "BidPriceAsPercentageOfOnDemandPrice": 50.0,
                "EbsConfiguration": {
                    "EbsBlockDeviceConfigs": [{"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": 64}}]
                },
            }
        ],
        "LaunchSpecifications": {
            "SpotSpecification": {"TimeoutDurationMinutes": 10, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}
        },
    }
]
GROUPS = [
    {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1, "Market": "SPOT"},
    {"InstanceRole": "TASK", "InstanceType": "m7g.xlarge", "InstanceCount": 2, "BidPrice": "0.1"},
]


def make(**settings):
    return Pipeline.model_validate({"name": "flights", "arrival": {"keys": ["flights/*.csv"]}, **settings})


def errors_of(request, operation):
    shape = get_session().get_service_model("emr").operation_model(operation).input_shape
    return ParamValidator().validate(request, shape).generate_report()


def settings_of(request, classification):
    found = [one for one in request["Configurations"] if one["Classification"] == classification]
    assert len(found) == 1
    return found[0]["Properties"]


@pytest.mark.parametrize("compute", [{}, {"instance_fleets": FLEETS}, {"instance_groups": GROUPS}])
def test_emr_takes_the_job_flow_and_its_step(compute):
    request = build_job_flow(make(compute=compute), DEPLOYMENT, 1, BATCH)
    request["Steps"] = [build_step(make(), BATCH, PROGRAM, "s3://a/m.json")]
    assert errors_of(request, "RunJobFlow") == ""


def test_the_job_flow_ends_by_itself_and_is_found_again():
    request = build_job_flow(make(compute={"idle_timeout": "5m"}), DEPLOYMENT, 1, BATCH)
    assert request["Name"] == f"sparkdrop flights {BATCH}"
    assert request["AutoTerminationPolicy"] == {"IdleTimeout": 300}
    assert request["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert request["StepConcurrencyLevel"] == 1
    assert request["LogUri"] == "s3://logs/emr/"
    assert (request["ServiceRole"], request["JobFlowRole"]) == ("service", "profile")
    assert {tag["Key"]: tag["Value"] for tag in request["Tags"]} == {
        "sparkdrop:pipeline": "flights",
        "sparkdrop:batch_id": BATCH,
        "sparkdrop:deployment": "ledger",
        "for-use-with-amazon-emr-managed-policies": "true",
    }


@pytest.mark.parametrize(("batch_bytes", "nodes"), [(0, 2), (20 * GIB, 2), (20 * GIB + 1, 3), (999 * GIB, 5)])
def test_core_nodes_follow_the_bytes(batch_bytes, nodes):
    sizes = {"min": 2, "max": 5, "bytes_per_node": "10 GiB"}
    request = build_job_flow(make(compute={"core_nodes": sizes}), DEPLOYMENT, batch_bytes, BATCH)
    groups = {
        group["InstanceRole"]: group["InstanceCount"] for group in request["Instances"]["InstanceGroups"]
    }
    assert groups == {"MASTER": 1, "CORE": nodes}


def test_groups_and_fleets_go_as_they_are():
    groups = build_job_flow(make(compute={"instance_groups": GROUPS}), DEPLOYMENT, 1, BATCH)["Instances"]
    assert (groups["InstanceGroups"], groups["Ec2SubnetId"]) == (GROUPS, "subnet-1")
    fleets = build_job_flow(make(compute={"instance_fleets": FLEETS}), DEPLOYMENT, 1, BATCH)["Instances"]
    assert fleets["Ec2SubnetIds"] == ["subnet-1"]
    volume = fleets["InstanceFleets"][0]["InstanceTypeConfigs"][0]["EbsConfiguration"][
        "EbsBlockDeviceConfigs"
    ][0]
    assert volume == {"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": 64}, "VolumesPerInstance": 1}


def test_without_a_subnet_emr_chooses():
    elsewhere = DEPLOYMENT.model_copy(update={"emr_subnet_id": None})
    assert "Ec2SubnetId" not in build_job_flow(make(), elsewhere, 1, BATCH)["Instances"]


GROUPS_OF = {
    "emr_primary_security_group": "sg-1",
    "emr_core_security_group": "sg-2",
    "emr_service_access_security_group": "sg-3",
}


def test_a_deployments_security_is_that_of_its_job_flows():
    closed = DEPLOYMENT.model_copy(update={**GROUPS_OF, "emr_security_configuration": "imds"})
    request = build_job_flow(make(), closed, 1, BATCH)
    groups = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup")
    assert [request["Instances"][group] for group in groups] == ["sg-1", "sg-2", "sg-3"]
    assert request["SecurityConfiguration"] == "imds"
    assert errors_of(request, "RunJobFlow") == ""
    public = closed.model_copy(update={"emr_service_access_security_group": None})
    assert "ServiceAccessSecurityGroup" not in build_job_flow(make(), public, 1, BATCH)["Instances"]
    plain = build_job_flow(make(), DEPLOYMENT, 1, BATCH)
    assert not {*groups, "SecurityConfiguration"} & {*plain, *plain["Instances"]}


def test_a_pipelines_own_configurations_lie_over_ours():
    given = [
        {"Classification": "spark-defaults", "Properties": {"spark.x": "1"}},
        {
            "Classification": "spark-env",
            "Configurations": [{"Classification": "export", "Properties": {"A": "b"}}],
        },
    ]
    request = build_job_flow(make(compute={"configurations": given}), DEPLOYMENT, 1, BATCH)
    assert settings_of(request, "core-site")["fs.s3.impl"].endswith("S3AFileSystem")
    assert settings_of(request, "spark-defaults")["spark.x"] == "1"
    assert settings_of(request, "spark-defaults")["spark.hadoop.fs.s3a.committer.magic.enabled"] == "true"
    env = next(one for one in request["Configurations"] if one["Classification"] == "spark-env")
    assert env["Configurations"] == [
        {"Classification": "export", "Properties": {"A": "b"}, "Configurations": []}
    ]
    assert "spark.x" not in settings_of(build_job_flow(make(), DEPLOYMENT, 1, BATCH), "spark-defaults")


def test_the_step_is_one_spark_submit():
    pipeline = make(job={"spark": {"spark.b": "x y", "spark.a": 1}, "arguments": ["--mode", "full"]})
    assert build_step(pipeline, BATCH, PROGRAM, "s3://a/m.json") == {
        "Name": f"sparkdrop flights {BATCH}",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                *("spark-submit", "--deploy-mode", "cluster"),
                *("--conf", "spark.a=1", "--conf", "spark.b=x y"),
                *("s3://a/p.py", "--mode", "full", "--manifest", "s3://a/m.json"),
            ],
        },
    }


def test_what_goes_with_a_program_stands_before_it():
    program = ShippedProgram("s3://a/p.py", ("s3://a/p_parts.zip", "s3://a/q.zip"))
    step = build_step(make(job={"spark": {"spark.a": 1}}), BATCH, program, "s3://a/m.json")
    assert step["HadoopJarStep"]["Args"][3:] == [
        *("--conf", "spark.a=1", "--py-files", "s3://a/p_parts.zip,s3://a/q.zip"),
        *("s3://a/p.py", "--manifest", "s3://a/m.json"),
    ]


def test_a_step_is_as_long_as_emr_takes_and_no_longer():
    def length(step):
        return len(step["HadoopJarStep"]["Jar"]) + sum(map(len, step["HadoopJarStep"]["Args"]))

    empty = length(build_step(make(job={"arguments": [""]}), BATCH, ShippedProgram("p", ("z",)), "m"))
    room = MAX_STEP_CHARACTERS - empty
    longest = build_step(make(job={"arguments": ["x" * room]}), BATCH, ShippedProgram("p", ("z",)), "m")
    assert length(longest) == 10_240
    with pytest.raises(BatchFailedError, match=r"10,241 characters, EMR takes 10,240"):
        build_step(make(job={"arguments": ["x" * (room + 1)]}), BATCH, ShippedProgram("p", ("z",)), "m")


def test_programs_lie_where_their_content_says():
    ours = make(job={"program": "team/ingest.py"})
    folder = "s3://artifacts/programs/f00"
    assert locate_program(ours, DEPLOYMENT, "f00") == ShippedProgram(f"{folder}/ingest.py")
    assert locate_program(ours, DEPLOYMENT, "f00", has_parts=True) == ShippedProgram(
        f"{folder}/ingest.py", (f"{folder}/ingest_parts.zip",)
    )
    theirs = make(job={"program": "s3://x-y/p.py"})
    assert locate_program(theirs, DEPLOYMENT, "f00", has_parts=True) == ShippedProgram("s3://x-y/p.py")


@pytest.mark.parametrize(
    ("compute", "platform"),
    [({}, "aarch64"), ({"instance_type": "m5.xlarge"}, "x86_64"), ({"instance_fleets": FLEETS}, "aarch64")],
)
def test_a_shipped_program_finds_what_it_imports(compute, platform):
    template = "s3://artifacts/dependencies/{platform}/dependencies-0.tar.gz"
    deployment = DEPLOYMENT.model_copy(update={"spark_dependencies": template})
    pipeline = make(compute=compute, job={"spark": {"spark.a": 1}})
    step = build_step(pipeline, BATCH, locate_program(pipeline, deployment, "f00"), "s3://a/m.json")
    words = step["HadoopJarStep"]["Args"]
    settings = dict(word.split("=", 1) for before, word in pairwise(words) if before == "--conf")
    archive = f"s3://artifacts/dependencies/{platform}/dependencies-0.tar.gz"
    assert settings == {"spark.a": "1", **describe_settings(archive)}
    assert settings["spark.archives"] == f"{archive}#dependencies"
    theirs = make(compute=compute, job={"program": "s3://x-y/p.py"})
    assert locate_program(theirs, deployment, "f00").dependencies is None
