import pytest
from pydantic import ValidationError

from sparkdrop.core.compute import EmrEc2, find_platform
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.spark_dependencies import (
    PLATFORMS,
    add_dependencies,
    choose_archive,
    describe_settings,
    locate_dependencies,
)

ARCHIVE = "s3://artifacts/dependencies/aarch64/dependencies-0.tar.gz"
OURS = describe_settings(ARCHIVE)
# of all families with a G in their names: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
ARM = ["a1.xlarge", "t4g.small", "m7g.xlarge", "m6gd.metal", "c7gn.2xlarge", "r8gb.4xlarge", "x2gd.large"]
ARM += ["im4gn.large", "is4gen.large", "i8ge.large", "hpc7g.4xlarge", "g5g.xlarge", "m8g.metal-24xl"]
INTEL = ["m5.xlarge", "m7i-flex.large", "g4dn.xlarge", "g5.xlarge", "g6e.xlarge", "gr6.4xlarge", "i7ie.large"]
INTEL += ["hpc6id.32xlarge", "c7a.xlarge", "u-6tb1.56xlarge", "u7i-12tb.224xlarge", "p5en.48xlarge"]


@pytest.mark.parametrize("instance_type", ARM)
def test_gravitons_are_told_by_their_names(instance_type):
    assert find_platform(instance_type) == "aarch64"


@pytest.mark.parametrize("instance_type", INTEL)
def test_all_others_are_intels_and_amds(instance_type):
    assert find_platform(instance_type) == "x86_64"


def test_both_platforms_are_of_one_place():
    place = locate_dependencies("artifacts", "0")
    assert [choose_archive(place, platform) for platform in PLATFORMS] == [
        ARCHIVE,
        "s3://artifacts/dependencies/x86_64/dependencies-0.tar.gz",
    ]
    assert choose_archive("s3://a/all.tar.gz", "x86_64") == "s3://a/all.tar.gz"


def test_what_a_job_says_itself_is_joined_and_comes_first():
    spark = {
        "spark.archives": "s3://x/mine.tar.gz#mine",
        "spark.executorEnv.PYTHONPATH": "./mine",
        "spark.yarn.appMasterEnv.PYTHONPATH": "",
        "spark.a": "1",
    }
    assert add_dependencies(spark, ARCHIVE) == {
        **OURS,
        "spark.a": "1",
        "spark.archives": f"s3://x/mine.tar.gz#mine,{ARCHIVE}#dependencies",
        "spark.executorEnv.PYTHONPATH": "./mine:./dependencies",
    }
    assert add_dependencies({}, ARCHIVE) == OURS


@pytest.mark.parametrize(
    "name",
    [
        "spark.pyspark.python",
        "spark.pyspark.driver.python",
        "spark.executorEnv.PYSPARK_PYTHON",
        "spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON",
    ],
)
def test_the_python_is_the_archives_unless_the_job_names_one(name):
    settings = add_dependencies({name: "python3.12"}, ARCHIVE)
    assert {key: value for key, value in settings.items() if "python3" in value} == {name: "python3.12"}
    assert OURS["spark.pyspark.python"] == "python3.11"


def groups(*types):
    roles = ["CORE", "MASTER", "TASK"]
    return [
        {"InstanceRole": role, "InstanceType": kind, "InstanceCount": 1}
        for role, kind in zip(roles, types, strict=False)
    ]


def fleets(*types):
    kinds = [{"InstanceType": kind} for kind in types]
    return [{"InstanceFleetType": "MASTER", "InstanceTypeConfigs": kinds}]


def test_the_primarys_type_comes_first():
    compute = EmrEc2.model_validate({"instance_groups": groups("m5.large", "c5.large", "m5.large")})
    assert compute.instance_types == ("c5.large", "m5.large")
    assert (compute.platform, EmrEc2().platform) == ("x86_64", "aarch64")


@pytest.mark.parametrize(
    "compute",
    [
        {"instance_groups": groups("m7g.large", "m5.large")},
        {"instance_fleets": fleets("m7g.large", "m5.large")},
    ],
    ids=lambda compute: next(iter(compute)),
)
def test_nodes_of_two_kinds_are_refused_for_a_program_that_ships(compute):
    pipeline = {"name": "flights", "arrival": {"keys": ["flights/*.csv"]}, "compute": compute}
    with pytest.raises(ValidationError, match=r"m7g\.large \(aarch64\).*processors of one kind"):
        Pipeline.model_validate(pipeline)
    assert Pipeline.model_validate({**pipeline, "job": {"program": "s3://programs/clean.jar"}})
