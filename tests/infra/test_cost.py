"""What a stage costs while nothing runs, counted from its templates with the prices of ``docs/cost.md``."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.iam.templates import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Path(__file__).parents[2] / "docs" / "cost.md"
HOURS_A_MONTH = 730
DEV_LIMIT = Decimal(5)
CENT = Decimal("0.01")

# Resources that cost nothing by being there: what is stored, sent or run is paid for.
FREE_AT_REST = (
    "AWS::ApiGateway::",
    "AWS::CDK::Metadata",
    "AWS::CloudFront::",
    "AWS::Cognito::",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::EC2::FlowLog",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NetworkAcl",
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EMR::SecurityConfiguration",
    "AWS::EMRServerless::Application",
    "AWS::Events::",
    "AWS::IAM::",
    "AWS::KMS::Alias",
    "AWS::Lambda::",
    "AWS::Logs::",
    "AWS::Route53::RecordSet",
    "AWS::S3::",
    "AWS::SNS::",
    "AWS::SQS::",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACLAssociation",
)
# The development cluster is what a stage runs, not what it keeps: it ends when it is idle.
RUNNING = ("AWS::EMR::Cluster",)


@cache
def read_prices() -> dict[str, Decimal]:
    """Read the document's price table: USD a month for one of each."""
    prices: dict[str, Decimal] = {}
    for what, _, price, unit, source in _read_rows("Prices"):
        assert source.startswith(("https://aws.amazon.com/", "<https://aws.amazon.com/")), source
        prices[what] = Decimal(price) * (HOURS_A_MONTH if unit == "hour" else 1)
    return prices


def _read_rows(heading: str) -> Iterator[list[str]]:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (body,) = [part for part in section if part.startswith(f"{heading}\n")]
    for row in re.findall(r"^\|(.*)\|$", body, flags=re.MULTILINE)[2:]:
        yield [cell.strip() for cell in row.split("|")]


def count_priced(resource: dict[str, Any]) -> Counter[str]:
    """Count what a resource costs at rest, in units of the price table."""
    kind, properties = resource["Type"], resource.get("Properties", {})
    if kind == "AWS::CloudWatch::Alarm":
        # an alarm on an expression is paid for each metric in it
        metrics = [metric for metric in properties.get("Metrics", []) if "MetricStat" in metric]
        return Counter({"alarm": len(metrics) or 1})
    if kind == "AWS::EC2::VPCEndpoint":
        if properties.get("VpcEndpointType") != "Interface":
            return Counter()
        return Counter({"interface endpoint": len(properties["SubnetIds"])})
    if kind == "AWS::WAFv2::WebACL":
        return Counter({"firewall": 1, "firewall rule": len(properties["Rules"])})
    simple = {
        "AWS::EC2::EIP": "public address",
        "AWS::EC2::NatGateway": "NAT gateway",
        "AWS::KMS::Key": "key",
        "AWS::SecretsManager::Secret": "secret",
    }
    if kind in simple:
        return Counter({simple[kind]: 1})
    assert kind == "AWS::EC2::VPC" or kind.startswith((*FREE_AT_REST, *RUNNING)), (
        f"does a resting {kind} cost anything?"
    )
    return Counter()


def cost_stage(stage: Stage) -> dict[str, Decimal]:
    """Add up a stage, stack by stack; the last is the total."""
    prices = read_prices()
    costs = {
        stack: sum(
            (
                prices[unit] * count
                for resource in template.get("Resources", {}).values()
                for unit, count in count_priced(resource).items()
            ),
            Decimal(0),
        )
        for stack, template in stage.templates.items()
    }
    return {**costs, "all": sum(costs.values(), Decimal(0))}


@pytest.mark.parametrize(("name", "column"), [("dev", 1), ("prod", 2)])
def test_the_table_says_what_each_stack_costs(assemblies: tuple[Path, Path], name: str, column: int) -> None:
    costs = {
        stack: str(cost.quantize(CENT))
        for stack, cost in cost_stage(Stage.read(assemblies[0] / name)).items()
    }
    told = {row[0].strip("`"): row[column] for row in _read_rows("At rest")}
    assert {stack: cost for stack, cost in told.items() if cost != "none"} == costs


def test_dev_at_rest_costs_less_than_five_dollars(assemblies: tuple[Path, Path]) -> None:
    assert cost_stage(Stage.read(assemblies[0] / "dev"))["all"] < DEV_LIMIT


def test_each_switch_costs_what_the_table_says() -> None:
    prices = read_prices()
    for switch, adds, cost in _read_rows("Switches"):
        units = [part.split(" ", 1) for part in adds.split(" + ")]
        singular = {unit: unit if unit in prices else unit.removesuffix("s") for _, unit in units}
        expected = sum((int(count) * prices[singular[unit]] for count, unit in units), Decimal(0))
        assert cost == str(expected.quantize(CENT)), switch


def test_everything_that_costs_at_rest_is_counted(assemblies: tuple[Path, Path]) -> None:
    """The stage with all switches on has one of each that the price table names, but for secrets."""
    resources = [
        resource
        for template in Stage.read(assemblies[0] / "full").templates.values()
        for resource in template.get("Resources", {}).values()
    ]
    counted: Counter[str] = sum((count_priced(resource) for resource in resources), Counter())
    assert counted.keys() == read_prices().keys() - {"secret"}


def test_an_unknown_resource_is_not_taken_for_free() -> None:
    with pytest.raises(AssertionError, match="AWS::RDS::DBInstance cost anything"):
        count_priced({"Type": "AWS::RDS::DBInstance"})
