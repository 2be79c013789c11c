"""The IAM documents of a stage's templates, with every reference resolved to the ARN that it would have.

CloudFormation names resources when it creates them; here each is named after its stack and logical id, the
same in every stack that refers to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ACCOUNT = "111122223333"
DEFAULT_REGION = "us-east-1"

# What Fn::GetAtt of ...Arn gives, by type.
_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::IAM::InstanceProfile": "arn:aws:iam::{account}:instance-profile/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::ECR::Repository": "arn:aws:ecr:{region}:{account}:repository/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::Events::Archive": "arn:aws:events:{region}:{account}:archive/{name}",
    "AWS::Cognito::UserPool": "arn:aws:cognito-idp:{region}:{account}:userpool/{region}_{name}",
    "AWS::EMRServerless::Application": "arn:aws:emr-serverless:{region}:{account}:/applications/{name}",
    "AWS::WAFv2::WebACL": "arn:aws:wafv2:{region}:{account}:regional/webacl/{name}/id",
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
}
# What Ref gives where it is not the name.
_REFS = {
    "AWS::SNS::Topic": _ARNS["AWS::SNS::Topic"],
    "AWS::IAM::ManagedPolicy": _ARNS["AWS::IAM::ManagedPolicy"],
    "AWS::SQS::Queue": "https://sqs.{region}.amazonaws.com/{account}/{name}",
}


@dataclass(frozen=True)
class Stage:
    """All templates of a stage.

    Attributes:
        templates: By stack.
        region: Where it is deployed.
        names: Physical names by an output's name, for a stage that is deployed.
    """

    templates: Mapping[str, dict[str, Any]]
    region: str = DEFAULT_REGION
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Stage:
        """Read an assembly."""
        files = sorted(folder.glob("*.template.json"))
        templates = {
            file.name.removesuffix(".template.json"): json.loads(file.read_bytes()) for file in files
        }
        artifacts = json.loads((folder / "manifest.json").read_bytes())["artifacts"]
        region = artifacts["S3Stack"]["environment"].rpartition("/")[2]
        return cls(templates, DEFAULT_REGION if region == "unknown-region" else region)

    @cached_property
    def exports(self) -> dict[str, tuple[str, Any]]:
        return {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in self.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    @cached_property
    def _physical_names(self) -> dict[tuple[str, str], str]:
        return {
            (stack, template["Outputs"][output]["Value"]["Ref"]): name
            for stack, template in self.templates.items()
            for output, name in self.names.items()
            if output in template.get("Outputs", {})
        }

    def find_output(self, name: str) -> tuple[str, Any]:
        """Find an output: its stack, and its value as the template has it."""
        ((stack, value),) = [
            (stack, template["Outputs"][name]["Value"])
            for stack, template in self.templates.items()
            if name in template.get("Outputs", {})
        ]
        return stack, value

    def read_output(self, name: str) -> str:
        """Resolve an output."""
        value = self.resolve(*self.find_output(name))
        assert isinstance(value, str)
        return value

    def find_resources(self, *types: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Find the resources of these types: (stack, logical id, resource)."""
        for stack, template in self.templates.items():
            for logical_id, resource in template.get("Resources", {}).items():
                if resource["Type"] in types:
                    yield stack, logical_id, resource

    def resolve(self, stack: str, value: Any) -> Any:
        """Replace every intrinsic function in a value of this stack's template."""
        if isinstance(value, list):
            return [self.resolve(stack, one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(stack, name, argument)
        return {key: self.resolve(stack, one) for key, one in value.items()}

    def _call(self, stack: str, function: str, argument: Any) -> Any:
        if function == "Ref":
            return self._refer(stack, argument)
        if function == "Fn::GetAtt":
            return self._get_attribute(stack, *argument)
        if function == "Fn::ImportValue":
            return self.resolve(*self.exports[argument])
        return self._compute(function, self.resolve(stack, argument))

    def _compute(self, function: str, argument: Any) -> Any:
        if function == "Fn::Join":
            separator, parts = argument
            return separator.join(map(str, parts))
        if function == "Fn::Select":
            index, parts = argument
            return parts[int(index)]
        if function == "Fn::Split":
            separator, text = argument
            return text.split(separator)
        if function == "Fn::GetAZs":
            return [f"{self.region}{letter}" for letter in "abc"]
        raise NotImplementedError(function)

    def _refer(self, stack: str, name: str) -> str:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack,
            "AWS::StackId": f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:stack/{stack}/1a2b",
        }
        if name in pseudo:
            return pseudo[name]
        pattern = _REFS.get(self.templates[stack]["Resources"][name]["Type"], "{name}")
        return self._format(stack, name, pattern)

    def _get_attribute(self, stack: str, logical_id: str, attribute: str) -> str:
        kind = self.templates[stack]["Resources"][logical_id]["Type"]
        if attribute.endswith("Arn"):
            return self._format(stack, logical_id, _ARNS[kind])
        return f"{stack}-{logical_id}-{attribute}".lower()

    def _format(self, stack: str, logical_id: str, pattern: str) -> str:
        name = self._physical_names.get((stack, logical_id), f"{stack}-{logical_id}".lower())
        return pattern.format(name=name, region=self.region, account=ACCOUNT)


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document.

    Attributes:
        stack: Its stack.
        logical_id: Its resource.
        kind: Whether it is an identity's, a resource's or a role's trust policy.
        body: The document, with nothing left to resolve.
    """

    stack: str
    logical_id: str
    kind: str
    body: dict[str, Any]


_IDENTITY = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
_OF_RESOURCES = {
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::ApiGateway::RestApi": "Policy",
    "AWS::EC2::VPCEndpoint": "PolicyDocument",
    "AWS::Logs::ResourcePolicy": "PolicyDocument",
}


def read_documents(stage: Stage) -> Iterator[Document]:
    """Read every policy document of a stage."""
    for stack, logical_id, resource in stage.find_resources(*_IDENTITY):
        body = stage.resolve(stack, resource["Properties"]["PolicyDocument"])
        yield Document(stack, logical_id, "identity", body)
    for stack, logical_id, resource in stage.find_resources("AWS::IAM::Role"):
        properties = stage.resolve(stack, resource["Properties"])
        yield Document(stack, logical_id, "trust", properties["AssumeRolePolicyDocument"])
        for policy in properties.get("Policies", []):
            yield Document(stack, logical_id, "identity", policy["PolicyDocument"])
    for stack, logical_id, resource in stage.find_resources(*_OF_RESOURCES):
        body = stage.resolve(stack, resource.get("Properties", {}).get(_OF_RESOURCES[resource["Type"]]))
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            # API Gateway completes what begins so by itself:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies-examples.html
            prefix = f"arn:aws:execute-api:{stage.region}:{ACCOUNT}:api/"
            yield Document(stack, logical_id, "resource", json.loads(text.replace("execute-api:/", prefix)))


def read_role_policies(stage: Stage, stack: str, logical_id: str) -> list[dict[str, Any]]:
    """Read the policies of a role: inline, attached, managed; AWS's own are in no template and left out."""
    role = stage.templates[stack]["Resources"][logical_id]["Properties"]
    bodies = [policy["PolicyDocument"] for policy in stage.resolve(stack, role.get("Policies", []))]
    managed = stage.resolve(stack, role.get("ManagedPolicyArns", []))
    name = stage.resolve(stack, {"Ref": logical_id})
    for other, policy_id, resource in stage.find_resources(*_IDENTITY):
        attached = stage.resolve(other, resource["Properties"].get("Roles", []))
        is_managed = resource["Type"] == "AWS::IAM::ManagedPolicy"
        if name in attached or (is_managed and stage.resolve(other, {"Ref": policy_id}) in managed):
            bodies.append(stage.resolve(other, resource["Properties"]["PolicyDocument"]))
    return bodies
