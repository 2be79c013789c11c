"""AWS WAF before the API."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.constructs.service_log import ServiceLog

# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
COMMON = "AWSManagedRulesCommonRuleSet"
MANAGED_RULES = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesKnownBadInputsRuleSet",
    COMMON,
)
# What they would stop of calls that the API takes is counted, and goes on: API Gateway checks what a call may
# say, and the functions read each value as data.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
COUNTED = {
    COMMON: (
        # bodies over 8 KB: a run's arguments may have EMR's 10,240 characters
        "SizeRestrictions_BODY",
        # queries over 2 KB: links for 100 parts are asked for with 78 bytes each, a number and a SHA-256, and
        # a file's name may have 1,024 characters, of up to 12 bytes each in a query
        "SizeRestrictions_QUERYSTRING",
        # arguments like `filename=app.log` or `.ini`: names of files are what this API is about
        "RestrictedExtensions_QUERYARGUMENTS",
    )
}
# The rules on file inclusion stay as they are: the local ones look for paths (`../..`), the remote ones for
# URLs with an address (`http://192.0.2.1`), and no file's name that the API takes has a slash in it.
WINDOW_SECONDS = 300
# What would let a reader of the log call the API
SECRET_HEADERS = ("authorization", "x-amz-security-token")


class ApiFirewall(Construct):
    """A web ACL with AWS's managed rules and a limit for each address.

    It costs 9 USD a month, and 0.60 a million calls: https://aws.amazon.com/waf/pricing/
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: apigateway.Stage,
        rate_per_second: int,
        log_days: int,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Put the firewall before ``stage``.

        Args:
            scope: The parent.
            construct_id: Its id.
            stage: The API's stage.
            rate_per_second: What all callers together may do.
            log_days: How long a line about a stopped request is kept.
            removal_policy: What deleting the stack does to the log.
        """
        super().__init__(scope, construct_id)
        rules = [_build_managed_rule(name, priority) for priority, name in enumerate(MANAGED_RULES)]
        rules.append(_build_rate_rule(rate_per_second, priority=len(rules)))
        acl = wafv2.CfnWebACL(
            self,
            "WebAcl",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_build_visibility("Api"),
            rules=rules,
        )
        wafv2.CfnWebACLAssociation(
            self, "Association", resource_arn=stage.stage_arn, web_acl_arn=acl.attr_arn
        )
        self._log(acl, log_days, removal_policy)

    def _log(self, acl: wafv2.CfnWebACL, days: int, removal_policy: cdk.RemovalPolicy) -> None:
        stack = cdk.Stack.of(self)
        # WAF takes no log group with another beginning:
        # https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
        # The stack's own id keeps a group that outlived its stack from standing in the way of the next.
        unique = cdk.Fn.select(2, cdk.Fn.split("/", stack.stack_id))
        log = ServiceLog(
            self,
            "Log",
            name=f"aws-waf-logs-{stack.stack_name}-{unique}",
            days=days,
            removal_policy=removal_policy,
        )
        wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            # the group's own attribute ends with ":*", which WAF refuses
            log_destination_configs=[
                stack.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=log.group.log_group_name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [
                            {"ActionCondition": {"Action": "BLOCK"}},
                            {"ActionCondition": {"Action": "COUNT"}},
                        ],
                    }
                ],
            },
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
                for name in SECRET_HEADERS
            ],
        )


def _build_managed_rule(name: str, priority: int) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=name,
                rule_action_overrides=[
                    wafv2.CfnWebACL.RuleActionOverrideProperty(
                        name=rule, action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={})
                    )
                    for rule in COUNTED.get(name, ())
                ]
                or None,
            )
        ),
        visibility_config=_build_visibility(name),
    )


def _build_rate_rule(rate_per_second: int, *, priority: int) -> wafv2.CfnWebACL.RuleProperty:
    """Stop an address that alone asks for more than the stage answers to all; below it, the stage throttles.

    An address may be a whole office. A page that watches six uploads asks for each every 2 seconds: 900 calls
    in the window. The default of 50 calls a second, 15,000 in the window, lets in sixteen such pages.
    """
    return wafv2.CfnWebACL.RuleProperty(
        name="RateOfOneAddress",
        priority=priority,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP",
                evaluation_window_sec=WINDOW_SECONDS,
                limit=rate_per_second * WINDOW_SECONDS,
            )
        ),
        visibility_config=_build_visibility("RateOfOneAddress"),
    )


def _build_visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    # sampled requests would show a caller's token in the console
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
