"""Images that never change under a job, and that EMR Serverless and no other account's can pull."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template

REPOSITORY = "AWS::ECR::Repository"


@pytest.fixture(scope="module")
def images(load_template: LoadTemplate) -> Template:
    return load_template("EcrStack")


def test_a_tag_never_moves_and_a_push_is_scanned(images: Template) -> None:
    repository = images.properties(REPOSITORY)
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_images_are_kept_when_the_stack_is_deleted(load_template: LoadTemplate, stage: str) -> None:
    repository = load_template("EcrStack", stage).find(REPOSITORY)
    assert (repository["DeletionPolicy"], repository["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert repository["Properties"]["EmptyOnDelete"] is False


def test_cut_off_pushes_and_all_but_the_newest_images_go(images: Template) -> None:
    text = images.properties(REPOSITORY)["LifecyclePolicy"]["LifecyclePolicyText"]
    first, second = [rule["selection"] for rule in json.loads(text)["rules"]]
    assert first == {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 1,
    }
    assert second == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20}


def test_applications_of_this_account_may_pull_and_no_more(images: Template) -> None:
    (statement,) = images.properties(REPOSITORY)["RepositoryPolicyText"]["Statement"]
    assert statement["Principal"] == {"Service": "emr-serverless.amazonaws.com"}
    assert statement["Action"] == ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]
    source = _join(statement["Condition"]["ArnLike"]["aws:SourceArn"])
    assert source == "arn:AWS::Partition:emr-serverless:AWS::Region:AWS::AccountId:/applications/*"


@pytest.mark.parametrize(("stage", "keys"), [("dev", 0), ("prod", 1)])
def test_the_images_have_a_key_of_their_own_where_the_stage_asks_for_one(
    load_template: LoadTemplate, stage: str, keys: int
) -> None:
    template = load_template("EcrStack", stage)
    assert len(template.all("AWS::KMS::Key")) == keys
    encryption = template.properties(REPOSITORY).get("EncryptionConfiguration")
    if keys:
        assert encryption is not None
        key = template.find("AWS::KMS::Key")
        # without its key a kept repository cannot be read
        assert (encryption["EncryptionType"], key["DeletionPolicy"]) == ("KMS", "Retain")
        assert key["Properties"]["EnableKeyRotation"] is True
    else:
        assert encryption is None  # a key that ECR keeps


def test_the_address_to_push_to_is_an_output(images: Template) -> None:
    assert set(images.body["Outputs"]) == {"SparkJobsRepositoryUri"}


def _join(value: Any) -> str:
    _, parts = value["Fn::Join"]
    return "".join(part if isinstance(part, str) else part["Ref"] for part in parts)
