"""A settings file that cannot be used is one line a problem, before any template is written."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings.emr_releases import RELEASES
from infra.settings.model import SETTINGS_DIR, StageSettings, load_settings
from infra.settings.sections import DomainSettings, EmrSettings, NetworkSettings
from sparkdrop.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = "owner: me\ncost_centre: none\n"
KEY = "arn:aws:kms:eu-west-1:999999999999:key/01234567-89ab-cdef-0123-456789abcdef"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/spark-jobs:1"


@pytest.mark.parametrize("stage", [file.stem for file in SETTINGS_DIR.glob("*.yaml")])
def test_every_shipped_stage_loads(stage: str) -> None:
    assert load_settings(stage).stage == stage


PAGE = """
api: {authorizer: cognito}
uploads: {cors_origins: ["https://a.example.com", "http://localhost:3000"]}
web:
  enabled: %s
  domain:
    name: %s
    certificate_arn: arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef
"""
LISTED = ("https://a.example.com", "http://localhost:3000")


@pytest.mark.parametrize(
    ("enabled", "name", "origins"),
    [
        ("true", "files.example.com", ("https://files.example.com", *LISTED)),
        ("true", "a.example.com", LISTED),
        ("false", "files.example.com", LISTED),
    ],
)
def test_the_pages_own_name_is_one_of_the_origins(
    tmp_path: Path, enabled: str, name: str, origins: tuple[str, ...]
) -> None:
    (tmp_path / "x.yaml").write_text(NEEDED + PAGE % (enabled, name))
    assert load_settings("x", tmp_path).page_origins == origins


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        (NEEDED + "uploads: {cors_origins: ['*']}\n", "uploads.cors_origins.0", "found '*'"),
        (NEEDED + "uploads: {noncurrent_version_days: soon}\n", "uploads.noncurrent_version_days", "'soon'"),
        (NEEDED + "logs: {retention_days: 0}\n", "logs.retention_days", "greater than or equal to 1"),
        (NEEDED + "ownr: you\n", "ownr", "unknown key"),
        (NEEDED + "region: mars\n", "region", "EMR has no region 'mars'"),
        (NEEDED + "region: us-eest-1\n", "region", "nearest: us-west-1, us-east-1"),
        (NEEDED + "network: {cidr: 10.0.0.0/8}\n", "network.cidr", "between /16 and /22"),
        (NEEDED + "network: {cidr: 8.8.0.0/16}\n", "network.cidr", "private block"),
        (NEEDED + "network: {cidr: 10.0.0.0/33}\n", "network.cidr", "10.0.0.0/33"),
        (
            NEEDED + "network: {cidr: 10.1.0.0/16, connected_cidrs: [10.2.0.0/16, 10.1.128.0/20]}\n",
            "network",
            "10.1.0.0/16 overlaps with the connected 10.1.128.0/20",
        ),
        (NEEDED + "network: {interface_endpoints: [s3]}\n", "network.interface_endpoints.0", "found 's3'"),
        (NEEDED + "emr: {release: emr-7.99.0}\n", "emr.release", "EMR has no release 'emr-7.99.0'; nearest:"),
        (NEEDED + "emr: {idle_minutes: ten}\n", "emr.idle_minutes", "found 'ten'"),
        (NEEDED + "api: {authorizer: none}\n", "api.authorizer", "'iam' or 'cognito'"),
        (NEEDED + "api: {groups: ['role/admin']}\n", "api.groups.0", "found 'role/admin'"),
        (NEEDED + "api: {groups: [analysts, analysts]}\n", "api.groups", "names analysts more than once"),
        (NEEDED + "uploads_api: {link_seconds: 3600}\n", "uploads_api.link_seconds", "equal to 1800"),
        (NEEDED + "web: {enabled: true}\n", "", "set api.authorizer: cognito"),
        (
            NEEDED + "web: {domain: {name: a.example.com, certificate_arn: 'arn:aws:acm:eu-west-1:1:x'}}\n",
            "web.domain.certificate_arn",
            "acm:us-east-1:",
        ),
        (NEEDED + "logs: {function_days: 31}\n", "logs.function_days", "found 31"),
        (NEEDED + "airflow: {service_principals: []}\n", "airflow.service_principals", "at least one"),
        (NEEDED + "airflow: {service_principals: ['*']}\n", "airflow.service_principals.0", "found '*'"),
        (
            NEEDED + "api: {domain: {name: a.example.com, certificate_arn: none}}\n",
            "api.domain.certificate_arn",
            "found 'none'",
        ),
        ("cost_centre: none\n", "owner", "Field required"),
        (NEEDED + "emr: {release: emr-6.5.0}\n", "emr.release", "write emr-6.6.0 or a newer one"),
        (
            NEEDED + "network: {interface_endpoints: [ssm, ecr, ssm]}\n",
            "network.interface_endpoints",
            "names ssm more than once: write each one once",
        ),
        (NEEDED + "uploads: {partner_buckets: [abc, abc]}\n", "uploads.partner_buckets", "names abc more"),
        (NEEDED + f"uploads: {{partner_keys: [{KEY}, {KEY}]}}\n", "uploads.partner_keys", "more than once"),
        (
            NEEDED + f"uploads: {{partner_keys: ['{KEY.replace('key/', 'alias/')}']}}\n",
            "uploads.partner_keys.0",
            "alias/",
        ),
        (NEEDED + "alerts: {emails: [a@b.cd, a@b.cd]}\n", "alerts.emails", "names a@b.cd more"),
        (
            NEEDED + "uploads: {cors_origins: ['https://a.b', 'https://a.b']}\n",
            "uploads.cors_origins",
            "names https://a.b more",
        ),
        (
            NEEDED + "api: {authorizer: cognito}\nuploads: {cors_origins: ['http://a.example.com']}\n",
            "",
            "uploads.cors_origins holds http://a.example.com, but with api.authorizer cognito a page holds",
        ),
        (
            NEEDED
            + "api: {authorizer: cognito}\nuploads: {cors_origins: ['http://localhost.example.com']}\n",
            "",
            "write https://localhost.example.com",
        ),
        (
            NEEDED
            + f"region: eu-west-1\napi: {{domain: {{name: a.b.cd, certificate_arn: {CERTIFICATE}}}}}\n",
            "",
            "api.domain.certificate_arn is of us-east-1, the stage of eu-west-1: name one of eu-west-1",
        ),
        (
            NEEDED + f"region: eu-west-1\nemr: {{serverless: {{image: '{IMAGE}'}}}}\n",
            "",
            "emr.serverless.image is of us-east-1, the stage of eu-west-1",
        ),
        (
            NEEDED + f"emr: {{serverless: {{image: '{IMAGE.partition(':')[0]}'}}}}\n",
            "emr.serverless.image",
            "found '111122223333.dkr",
        ),
        (NEEDED + "stage: dev\n", "stage", "unknown key"),
        (NEEDED + "region: eu-west-1\nowner: you\n", "owner", "is there twice, first at line 1"),
        (NEEDED + "logs: {retention_days: 1, retention_days: 2}\n", "logs.retention_days", "is there twice"),
        (NEEDED + "region: 'eu\x07west'\n", "", "not YAML"),
    ],
)
def test_a_wrong_value_names_file_key_and_what_was_found(
    tmp_path: Path, text: str, path: str, said: str
) -> None:
    (tmp_path / "test.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings("test", tmp_path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.path) == (str(tmp_path / "test.yaml"), path)
    assert said in problem.message


def test_all_problems_of_a_file_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "test.yaml").write_text("region: mars\ncolour: red\n")
    with pytest.raises(ConfigError) as caught:
        load_settings("test", tmp_path)
    assert {problem.path for problem in caught.value.problems} == {"owner", "cost_centre", "region", "colour"}


@pytest.mark.parametrize(("text", "line"), [("owner: [\n", 2), ("- a list\n", 1), ("", None)])
def test_what_is_no_mapping_is_an_error_of_the_file(tmp_path: Path, text: str, line: int | None) -> None:
    (tmp_path / "test.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings("test", tmp_path)
    assert caught.value.problems[0].line == line


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "test.yaml").write_bytes(b"owner: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"test\.yaml: cannot be read: .*a file is text in UTF-8") as caught:
        load_settings("test", tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_of_this_machine_or_of_the_stages_region_is_taken(tmp_path: Path) -> None:
    origins = "['http://localhost:8080', 'http://127.0.0.1:8080', 'https://a.example.com']"
    domain = f"{{name: a.example.com, certificate_arn: {CERTIFICATE}}}"
    (tmp_path / "test.yaml").write_text(
        f"{NEEDED}region: us-east-1\nuploads: {{cors_origins: {origins}, partner_keys: ['{KEY}']}}\n"
        f"api: {{authorizer: cognito, domain: {domain}}}\nemr: {{serverless: {{image: '{IMAGE}'}}}}\n"
    )
    settings = load_settings("test", tmp_path)
    assert settings.emr.serverless.image == IMAGE
    # a page that came in the clear may send what its user's own AWS credentials signed
    (tmp_path / "test.yaml").write_text(f"{NEEDED}uploads: {{cors_origins: ['http://a.example.com']}}\n")
    assert load_settings("test", tmp_path).uploads.cors_origins == ("http://a.example.com",)


def test_an_unknown_stage_names_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text(NEEDED)
    with pytest.raises(ConfigError, match="stages: dev"):
        load_settings("prod", tmp_path)


@pytest.mark.parametrize("stage", ["prod", "production", "prod-eu"])
def test_production_never_destroys(tmp_path: Path, stage: str) -> None:
    (tmp_path / f"{stage}.yaml").write_text(NEEDED + "destroy_data: true\n")
    with pytest.raises(ConfigError, match="production keeps its data"):
        load_settings(stage, tmp_path)


@given(days=st.integers(), host=st.from_regex(r"[a-z]{1,9}(\.[a-z]{2,5})?(:[0-9]{2,4})?", fullmatch=True))
def test_days_and_origins_are_taken_as_given_or_refused(days: int, host: str) -> None:
    values = {"stage": "t", "owner": "o", "cost_centre": "c"}
    uploads = {"cors_origins": [f"https://{host}"], "noncurrent_version_days": days}
    try:
        settings = StageSettings.model_validate({**values, "uploads": uploads})
    except ValueError:
        assert not 1 <= days <= 36_500
    else:
        assert settings.uploads.noncurrent_version_days == days
        assert settings.uploads.cors_origins == (f"https://{host}",)


@pytest.mark.parametrize(
    ("existing", "said"),
    [
        (
            {"private_subnet_ids": ["subnet-0123abcd", "subnet-4567abcd"]},
            "2 private_subnet_ids, 1 availability",
        ),
        (
            {"private_route_table_ids": ["rtb-0123abcd", "rtb-4567abcd"]},
            "2 private_route_table_ids, 1 subnets",
        ),
        ({"vpc_id": "my-vpc"}, "vpc-"),
    ],
)
def test_an_existing_network_is_named_whole(existing: dict[str, object], said: str) -> None:
    network = {
        "vpc_id": "vpc-0123abcd",
        "availability_zones": ["us-east-1a"],
        "private_subnet_ids": ["subnet-0123abcd"],
    }
    assert NetworkSettings.model_validate({"existing": network}).existing is not None
    with pytest.raises(ValueError, match=said):
        NetworkSettings.model_validate({"existing": {**network, **existing}})


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ({"hosted_zone_id": "Z0123456789"}, "go together"),
        ({"hosted_zone_id": "Z0123456789", "hosted_zone_name": "other.com"}, "not in the zone other.com"),
        ({"hosted_zone_id": "Z0123456789", "hosted_zone_name": "ample.com"}, "not in the zone ample.com"),
    ],
)
def test_a_domain_lies_in_its_zone(zone: dict[str, str], said: str) -> None:
    certificate = "arn:aws:acm:eu-west-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"
    domain = {"name": "api.example.com", "certificate_arn": certificate}
    assert DomainSettings.model_validate(
        {**domain, "hosted_zone_id": "Z0123456789", "hosted_zone_name": "example.com"}
    )
    with pytest.raises(ValueError, match=said):
        DomainSettings.model_validate({**domain, **zone})


PRIVATE_BLOCKS = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(16, 22)).map(
    lambda parts: IPv4Network((f"10.{parts[0]}.{parts[1]}.0", parts[2]), strict=False)
)


@given(cidr=PRIVATE_BLOCKS, others=st.lists(PRIVATE_BLOCKS, max_size=4))
def test_a_network_is_taken_where_it_shares_no_address_with_another(
    cidr: IPv4Network, others: list[IPv4Network]
) -> None:
    shared = any(other.subnet_of(cidr) or cidr.subnet_of(other) for other in others)
    values = {"cidr": str(cidr), "connected_cidrs": [str(other) for other in others]}
    if shared:
        with pytest.raises(ValueError, match="overlaps"):
            NetworkSettings.model_validate(values)
    else:
        assert NetworkSettings.model_validate(values).cidr == cidr


@given(label=st.text(max_size=20))
def test_only_releases_that_emr_has_are_taken(label: str) -> None:
    with pytest.raises(ValueError, match="EMR has no release"):
        EmrSettings.model_validate({"release": f"{label}-"})


@pytest.mark.parametrize("release", RELEASES[RELEASES.index("emr-6.6.0") :])
def test_every_release_that_emr_and_its_serverless_have_is_taken(release: str) -> None:
    assert EmrSettings(release=release).release == release
