"""The page's place: who reads its files, what browsers are told, and where the page may send anything."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from infra.tools.cdk_cli import find_node
from tests.infra.iam.templates import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import LoadTemplate, Template

DISTRIBUTION = "AWS::CloudFront::Distribution"
HEADERS = "AWS::CloudFront::ResponseHeadersPolicy"


@pytest.fixture(scope="module", params=["dev", "prod", "full"])
def stage(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def stack(load_template: LoadTemplate, stage: str) -> Template:
    return load_template("WebStack", stage)


def read_distribution(stack: Template) -> dict[str, Any]:
    config: dict[str, Any] = stack.properties(DISTRIBUTION)["DistributionConfig"]
    return config


def test_the_bucket_is_private_and_read_by_its_distribution_alone(stack: Template) -> None:
    for kind in ("PageBucket", "PageLogsBucket"):
        block = stack.properties("AWS::S3::Bucket", kind)["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}
    policy = stack.properties("AWS::S3::BucketPolicy", "PageBucketPolicy")["PolicyDocument"]
    (allowed,) = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    (distribution,) = stack.all(DISTRIBUTION)
    assert allowed["Action"] == ["s3:GetObject", "s3:ListBucket"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    source = allowed["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Join"][1]
    assert source[-2:] == [":distribution/", {"Ref": distribution}]
    (origin,) = read_distribution(stack)["Origins"]
    (control,) = stack.all("AWS::CloudFront::OriginAccessControl")
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": [control, "Id"]}
    assert "PageBucket" in str(origin["DomainName"])


def test_browsers_get_tls_and_the_newest_http(stack: Template, stage: str) -> None:
    config = read_distribution(stack)
    behavior = config["DefaultCacheBehavior"]
    assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
    assert behavior["AllowedMethods"] == ["GET", "HEAD"]
    assert behavior["Compress"] is True
    assert (config["HttpVersion"], config["IPV6Enabled"]) == ("http2and3", True)
    assert config["PriceClass"] == ("PriceClass_All" if stage == "full" else "PriceClass_100")
    if stage == "full":
        assert config["Aliases"] == ["uploads.example.com"]
        assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
        assert config["ViewerCertificate"]["SslSupportMethod"] == "sni-only"
    else:
        assert not {"Aliases", "ViewerCertificate"} & set(config)


def test_no_error_is_turned_into_a_page_that_was_found(stack: Template) -> None:
    config = read_distribution(stack)
    assert "CustomErrorResponses" not in config
    assert config["DefaultRootObject"] == "index.html"
    (association,) = config["DefaultCacheBehavior"]["FunctionAssociations"]
    (router,) = stack.all("AWS::CloudFront::Function")
    assert association == {
        "EventType": "viewer-request",
        "FunctionARN": {"Fn::GetAtt": [router, "FunctionARN"]},
    }


def test_an_address_inside_of_the_page_is_the_page_and_a_file_is_a_file(load_template: LoadTemplate) -> None:
    code = load_template("WebStack").properties("AWS::CloudFront::Function")["FunctionCode"]
    expected = {
        "/": "/index.html",
        "/uploads/01JD8Z3V5N6Q7R8S9TABCDEFGH": "/index.html",
        "/v1.2/uploads": "/index.html",
        "//": "/index.html",
        "/index.html": "/index.html",
        "/config.json": "/config.json",
        "/assets/index-0a1b2c3d.js": "/assets/index-0a1b2c3d.js",
        "/assets/gone.js": "/assets/gone.js",
    }
    script = (
        f"{code}\nconst asked = {json.dumps(list(expected))}\n"
        "console.log(JSON.stringify(asked.map((uri) => handler({request: {uri}}).uri)))"
    )
    done = subprocess.run([find_node(), "-e", script], capture_output=True, text=True, check=True, timeout=30)
    assert dict(zip(expected, json.loads(done.stdout), strict=True)) == expected


def test_every_answer_has_the_security_headers(stack: Template) -> None:
    (policy,) = stack.all(HEADERS)
    behavior = read_distribution(stack)["DefaultCacheBehavior"]
    assert behavior["ResponseHeadersPolicyId"] == {"Ref": policy}
    config = stack.properties(HEADERS)["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    assert {name: entry["Override"] for name, entry in security.items()} == dict.fromkeys(security, True)
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 365 * 24 * 3600
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert "ContentTypeOptions" in security
    custom = {entry["Header"]: entry["Value"] for entry in config["CustomHeadersConfig"]["Items"]}
    assert custom["Cross-Origin-Opener-Policy"] == "same-origin"


def test_the_page_loads_its_own_files_and_talks_to_three_places(
    assemblies: tuple[Path, Path], stage: str
) -> None:
    deployed = Stage.read(assemblies[0] / stage)
    (properties,) = [
        deployed.resolve(stack, resource["Properties"])
        for stack, _, resource in deployed.find_resources(HEADERS)
    ]
    security = properties["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy: str = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    own, *places = directives.pop("connect-src").split(" ")
    assert own == "'self'"
    bucket = deployed.read_output("UploadsBucket")
    assert places == [
        deployed.read_output("ApiUrl"),
        f"https://{bucket}-regionaldomainname",
        deployed.read_output("SignInUrl"),
    ]
    # a source that ends without a slash would match one path alone
    assert places[0].endswith("/")
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    assert not {"*", "'unsafe-inline'", "'unsafe-eval'"} & set(policy.replace(";", " ").split())


def test_who_asked_for_what_is_on_record_and_forgotten_in_time(stack: Template, stage: str) -> None:
    logging = read_distribution(stack)["Logging"]
    assert "PageLogsBucket" in str(logging["Bucket"])
    assert logging["IncludeCookies"] is False
    logs = stack.properties("AWS::S3::Bucket", "PageLogsBucket")
    # CloudFront delivers by an ACL, and S3 takes none where the owner is enforced
    (rule,) = logs["OwnershipControls"]["Rules"]
    assert rule["ObjectOwnership"] == "BucketOwnerPreferred"
    days = {one["Id"]: one.get("ExpirationInDays") for one in logs["LifecycleConfiguration"]["Rules"]}
    assert days["OldObjects"] == (365 if stage == "prod" else 90)
    page = stack.properties("AWS::S3::Bucket", "PageBucket")
    assert page["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert page["LoggingConfiguration"]["LogFilePrefix"] == "s3-access/page/"


def test_a_name_of_its_own_is_the_pages_origin_everywhere(load_template: LoadTemplate) -> None:
    stack, origin = load_template("WebStack", "full"), "https://uploads.example.com"
    (distribution,) = stack.all(DISTRIBUTION)
    records = [record["Properties"] for record in stack.all("AWS::Route53::RecordSet").values()]
    assert {record["Type"] for record in records} == {"A", "AAAA"}
    for record in records:
        assert record["Name"] == "uploads.example.com."
        assert record["AliasTarget"]["DNSName"] == {"Fn::GetAtt": [distribution, "DomainName"]}
    assert stack.body["Outputs"]["PageUrl"]["Value"] == f"{origin}/"
    bucket = load_template("S3Stack", "full").properties("AWS::S3::Bucket", "UploadsBucket")
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == [origin]
    client = load_template("UsersStack", "full").properties("AWS::Cognito::UserPoolClient")
    assert client["CallbackURLs"] == [f"{origin}/"]


def test_nothing_that_the_page_names_needs_the_page(assemblies: tuple[Path, Path], stage: str) -> None:
    artifacts = json.loads((assemblies[0] / stage / "manifest.json").read_bytes())["artifacts"]
    dependencies = set(artifacts["WebStack"]["dependencies"])
    assert {"S3Stack", "UsersStack"} <= dependencies
    assert not [
        name for name, artifact in artifacts.items() if "WebStack" in artifact.get("dependencies", ())
    ]


def test_the_outputs_are_what_a_delivery_needs(stack: Template) -> None:
    outputs = {name: output["Value"] for name, output in stack.body["Outputs"].items()}
    (distribution,) = stack.all(DISTRIBUTION)
    assert outputs["DistributionId"] == {"Ref": distribution}
    assert "PageBucket" in outputs["PageBucket"]["Ref"]
    assert set(outputs) == {"DistributionId", "PageBucket", "PageUrl"}
