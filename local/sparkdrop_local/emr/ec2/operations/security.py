"""What an account has beside its clusters: security configurations, and the block of public access."""

import json
from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import EmrError, invalid_request
from sparkdrop_local.emr.paging import take_page

_CONFIGURATION, _PUBLIC_ACCESS = "security_configuration", "block_public_access"
_SECTIONS = (
    "AuthenticationConfiguration",
    "AuthorizationConfiguration",
    "EncryptionConfiguration",
    "InstanceMetadataServiceConfiguration",
)
# Each switch, and the section that it needs once it is on.
_ENCRYPTION = {
    "EnableInTransitEncryption": "InTransitEncryptionConfiguration",
    "EnableAtRestEncryption": "AtRestEncryptionConfiguration",
}
_SSH = {"MinRange": 22, "MaxRange": 22}


def create_security_configuration(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a security configuration; nothing of it has an effect here."""
    name, text = parameters["Name"], parameters["SecurityConfiguration"]
    if not name:
        raise invalid_request("Security configuration name cannot be empty.")
    if name in _load(registry):
        raise invalid_request(f"Security configuration with name '{name}' already exists.")
    _check(text)
    created = round(registry.context.clock.now(), 3)
    registry.context.store.put(_CONFIGURATION, name, {"text": text, "created": created})
    return {"Name": name, "CreationDateTime": created}


def describe_security_configuration(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give a security configuration back as it was given."""
    name = parameters["Name"]
    record = find_security_configuration(registry, name)
    return {"Name": name, "SecurityConfiguration": record["text"], "CreationDateTime": record["created"]}


def list_security_configurations(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List the security configurations' names, 50 a page."""
    found = [{"Name": name, "CreationDateTime": one["created"]} for name, one in _load(registry).items()]
    page, marker = take_page(found, parameters.get("Marker"), lambda one: str(one["Name"]))
    return {"SecurityConfigurations": page, "Marker": marker}


def delete_security_configuration(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Forget a security configuration; clusters that have it keep its name."""
    find_security_configuration(registry, parameters["Name"])
    registry.context.store.delete(_CONFIGURATION, parameters["Name"])
    return {}


def find_security_configuration(registry: Registry, name: str) -> Mapping[str, Any]:
    """Find a security configuration by its name, or raise InvalidRequestException."""
    record = _load(registry).get(name)
    if record is None:
        raise invalid_request(f"Security configuration with name '{name}' does not exist.")
    return record


def get_block_public_access(registry: Registry, _: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the account's setting; as in every account, public access is blocked but for SSH at first."""
    stored = dict(registry.context.store.load(_PUBLIC_ACCESS))
    if not stored:
        ports = {"PermittedPublicSecurityGroupRuleRanges": [_SSH], "BlockPublicSecurityGroupRules": True}
        return _keep_public_access(registry, ports)
    (record,) = stored.values()
    return record


def put_block_public_access(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the account's setting; no cluster here has a security group that it could block."""
    configuration = parameters["BlockPublicAccessConfiguration"]
    for ports in configuration.get("PermittedPublicSecurityGroupRuleRanges", ()):
        low = ports["MinRange"]
        if low > ports.get("MaxRange", low):
            raise invalid_request("The MaxRange of a port range must not be less than its MinRange.")
    _keep_public_access(registry, configuration)
    return {}


def _keep_public_access(registry: Registry, configuration: Mapping[str, Any]) -> dict[str, Any]:
    context = registry.context
    record = {
        "BlockPublicAccessConfiguration": dict(configuration),
        "BlockPublicAccessConfigurationMetadata": {
            "CreationDateTime": round(context.clock.now(), 3),
            "CreatedByArn": f"arn:aws:iam::{context.settings.account_id}:root",
        },
    }
    context.store.put(_PUBLIC_ACCESS, "account", record)
    return record


def _load(registry: Registry) -> dict[str, dict[str, Any]]:
    return dict(registry.context.store.load(_CONFIGURATION))


def _check(text: str) -> None:
    """Check a configuration's JSON; EMR's own wording of what is wrong with it is not public.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
    """
    try:
        configuration = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid("it is not JSON") from error
    if not isinstance(configuration, dict):
        raise _invalid("it is not a JSON object")
    if unknown := sorted(configuration.keys() - set(_SECTIONS)):
        raise _invalid(f"{unknown[0]} is not a section of it")
    for name, section in configuration.items():
        if not isinstance(section, dict):
            raise _invalid(f"{name} is not a JSON object")
    if "EncryptionConfiguration" in configuration:
        _check_encryption(configuration["EncryptionConfiguration"])


def _check_encryption(section: Mapping[str, Any]) -> None:
    for switch, needed in _ENCRYPTION.items():
        if not isinstance(section.get(switch), bool):
            raise _invalid(f"{switch} of EncryptionConfiguration must be true or false")
        if section[switch] and needed not in section:
            raise _invalid(f"EncryptionConfiguration needs {needed} when {switch} is true")


def _invalid(reason: str) -> EmrError:
    return invalid_request(f"The security configuration is not valid: {reason}.")


OPERATIONS = {
    "CreateSecurityConfiguration": create_security_configuration,
    "DescribeSecurityConfiguration": describe_security_configuration,
    "ListSecurityConfigurations": list_security_configurations,
    "DeleteSecurityConfiguration": delete_security_configuration,
    "GetBlockPublicAccessConfiguration": get_block_public_access,
    "PutBlockPublicAccessConfiguration": put_block_public_access,
}
