"""CloudWatch: alarms and log groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, make_tag_setter, pick

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients

# PutMetricAlarm calls them what a template calls them.
_ALARM = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
    "Unit",
)


def _put_alarm(clients: Clients, name: str, properties: Properties) -> None:
    clients("cloudwatch").put_metric_alarm(AlarmName=name, **pick(properties, *_ALARM))


def _alarm_arn(clients: Clients, name: str) -> str:
    (alarm,) = clients("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    arn: str = alarm["AlarmArn"]
    return arn


def _make_alarm(clients: Clients, name: str, properties: Properties) -> Made:
    _put_alarm(clients, name, properties)
    return Made(name, {"Arn": _alarm_arn(clients, name)})


def _remove_alarm(clients: Clients, name: str, _: Properties) -> None:
    clients("cloudwatch").delete_alarms(AlarmNames=[name])


def _make_log_group(clients: Clients, name: str, properties: Properties) -> Made:
    logs = clients("logs")
    key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
    logs.create_log_group(logGroupName=name, **key)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name, limit=1)["logGroups"]
    return Made(name, {"Arn": group["arn"]})


def _remove_log_group(clients: Clients, name: str, _: Properties) -> None:
    clients("logs").delete_log_group(logGroupName=name)


def _set_retention(target: Target) -> None:
    logs, name = target.clients("logs"), target.physical_id
    if (days := target.properties.get("RetentionInDays")) is None:
        logs.delete_retention_policy(logGroupName=name)
    else:
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)


KINDS = {
    "AWS::CloudWatch::Alarm": Kind(
        make=_make_alarm,
        remove=_remove_alarm,
        put_with=frozenset(_ALARM),
        again=lambda target: _put_alarm(target.clients, target.physical_id, target.properties),
        setters={
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("cloudwatch").tag_resource(
                    ResourceARN=_alarm_arn(target.clients, target.physical_id),
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ),
                lambda target, keys: target.clients("cloudwatch").untag_resource(
                    ResourceARN=_alarm_arn(target.clients, target.physical_id), TagKeys=keys
                ),
            )
        },
        name_property="AlarmName",
    ),
    "AWS::Logs::LogGroup": Kind(
        make=_make_log_group,
        remove=_remove_log_group,
        made_with=frozenset({"KmsKeyId"}),
        setters={
            "RetentionInDays": _set_retention,
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("logs").tag_log_group(
                    logGroupName=target.physical_id, tags=tags
                ),
                lambda target, keys: target.clients("logs").untag_log_group(
                    logGroupName=target.physical_id, tags=keys
                ),
            ),
        },
        name_property="LogGroupName",
    ),
}
