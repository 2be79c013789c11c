"""Whatever settings are accepted, no template has a finding, or a wildcard that is not known."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.settings.emr_releases import FIRST_SERVERLESS, RELEASES
from tests.infra.iam.templates import Stage, read_documents
from tests.infra.test_wildcards import ACCEPTED, find_wildcards

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import StartPython

# One process for all examples, because Node's start is what costs.
LOOP = """
import sys
from pathlib import Path
from infra.app import main
for line in sys.stdin:
    file, output = map(Path, line.split())
    code = main(["--stage", file.stem, "--settings", str(file.parent), "--output", str(output)])
    print("exit", code, flush=True)
"""
ENDPOINTS = ("ecr", "elasticmapreduce", "emr-serverless", "logs", "secretsmanager", "sqs", "ssm", "sts")
SERVICES = ("ecs-tasks", "ec2", "airflow", "airflow-env")
EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "availability_zones": ["eu-west-1a", "eu-west-1b"],
    "private_subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}
DOMAIN = {
    "name": "api.data.example.com",
    "certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef",
}
ZONE = {"hosted_zone_id": "Z0123456789ABCDEFGHIJ", "hosted_zone_name": "data.example.com"}


def some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), unique=True)


NETWORKS = st.fixed_dictionaries(
    {"flow_logs": st.booleans(), "interface_endpoints": some(*ENDPOINTS)},
    optional={
        "existing": st.sampled_from(
            [EXISTING, {**EXISTING, "private_route_table_ids": ["rtb-0123abcd"] * 2}]
        ),
        "zones": st.integers(2, 3),
        "nat": st.booleans(),
    },
)
UPLOADS = st.fixed_dictionaries(
    {
        "cors_origins": some("https://a.example.com", "https://b.example.com:8443", "http://localhost:8080"),
        "partner_buckets": some("partner-drops", "another.partner"),
        "partner_keys": some(
            *(f"arn:aws:kms:{region}:999999999999:key/mrk-0123" for region in ("eu-west-1", "us-east-1"))
        ),
    }
)
EMR = st.fixed_dictionaries(
    {"development_cluster": st.booleans()},
    optional={
        "release": st.sampled_from(RELEASES[RELEASES.index(FIRST_SERVERLESS) :]),
        "serverless": st.just({"image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/spark/jobs:1"}),
    },
)
API = st.fixed_dictionaries(
    {"authorizer": st.sampled_from(["iam", "cognito"]), "waf": st.booleans()},
    optional={
        "domain": st.sampled_from([DOMAIN, {**DOMAIN, **ZONE}]),
        "groups": some("analysts", "data_engineers@example.com"),
    },
)
PAGE = {
    "name": "uploads.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef",
}
PAGE_ZONE = {"hosted_zone_id": "Z9876543210ABCDEFGHIJ", "hosted_zone_name": "example.com"}
WEB = st.fixed_dictionaries(
    {"enabled": st.booleans()},
    optional={
        "domain": st.sampled_from([PAGE, {**PAGE, **PAGE_ZONE}]),
        "price_class": st.sampled_from(["100", "200", "all"]),
    },
)
FUNCTION = {"reserved_concurrency": st.integers(1, 1000), "timeout_seconds": st.integers(3, 29)}


def let_the_page_sign_in(values: dict[str, Any]) -> dict[str, Any]:
    if not values["web"]["enabled"]:
        return values
    return {**values, "api": {**values["api"], "authorizer": "cognito"}}


SETTINGS = st.fixed_dictionaries(
    {
        "owner": st.just("me"),
        "cost_centre": st.just("none"),
        "encryption": st.sampled_from(["s3", "kms"]),
        "network": NETWORKS,
        "uploads": UPLOADS,
        "emr": EMR,
        "api": API,
        "web": WEB,
    },
    optional={
        "region": st.just("eu-west-1"),
        "alerts": st.fixed_dictionaries({"emails": some("a@example.com", "b@example.com")}),
        "invoke": st.fixed_dictionaries({"tracing": st.booleans()}, optional=FUNCTION),
        "uploads_api": st.fixed_dictionaries(
            {"tracing": st.booleans()}, optional={**FUNCTION, "link_seconds": st.integers(60, 1800)}
        ),
        "airflow": st.fixed_dictionaries(
            {
                "service_principals": some(*(f"{name}.amazonaws.com" for name in SERVICES)).filter(bool),
            }
        ),
    },
).map(let_the_page_sign_in)


@pytest.fixture(scope="module")
def synthesizer(start_python: StartPython) -> Iterator[subprocess.Popen[str]]:
    process = start_python("-c", LOOP)
    yield process
    process.communicate(timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings")


NUMBERS = count()


@given(values=SETTINGS)
@settings(
    max_examples=8,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_settings_give_templates_without_findings_or_unknown_wildcards(
    synthesizer: subprocess.Popen[str], folder: Path, values: dict[str, Any]
) -> None:
    file = folder / f"stage{next(NUMBERS)}.yaml"
    # JSON is YAML
    file.write_text(json.dumps(values))
    output = folder / file.stem
    assert synthesizer.stdin is not None
    assert synthesizer.stdout is not None
    synthesizer.stdin.write(f"{file} {output}\n")
    synthesizer.stdin.flush()
    said = []
    while not (line := synthesizer.stdout.readline()).startswith("exit "):
        assert line, said
        said.append(line)
    assert (line, said) == ("exit 0\n", [])
    found = {
        wildcard for document in read_documents(Stage.read(output)) for wildcard in find_wildcards(document)
    }
    assert found - ACCEPTED.keys() == set()
