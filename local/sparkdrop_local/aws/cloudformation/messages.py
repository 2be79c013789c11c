"""SQS, SNS and EventBridge: queues, topics, rules, archives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, make_tag_setter, pick

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients

QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
TOPIC_ATTRIBUTES = ("DisplayName", "KmsMasterKeyId", "TracingConfig")


def _to_attribute(value: Any) -> str:  # noqa: ANN401 - a property's value
    return value if isinstance(value, str) else json.dumps(value)


def _make_queue(clients: Clients, name: str, properties: Properties) -> Made:
    attributes = {key: _to_attribute(value) for key, value in pick(properties, *QUEUE_ATTRIBUTES).items()}
    sqs = clients("sqs")
    # the address is the emulation's own, so that outputs can be used as they are
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _change_queue(target: Target) -> None:
    gone = [name for name in QUEUE_ATTRIBUTES if name in target.before and name not in target.properties]
    attributes = pick(target.properties, *QUEUE_ATTRIBUTES)
    target.clients("sqs").set_queue_attributes(
        QueueUrl=target.physical_id,
        Attributes={key: _to_attribute(value) for key, value in attributes.items()} | dict.fromkeys(gone, ""),
    )


def _remove_queue(clients: Clients, url: str, _: Properties) -> None:
    clients("sqs").delete_queue(QueueUrl=url)


def _set_queue_policy(target: Target) -> None:
    policy = json.dumps(target.properties["PolicyDocument"])
    for url in target.properties["Queues"]:
        target.clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def _remove_queue_policy(clients: Clients, _: str, properties: Properties) -> None:
    for url in properties["Queues"]:
        clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})


def _make_topic(clients: Clients, name: str, properties: Properties) -> Made:
    attributes = {key: _to_attribute(value) for key, value in pick(properties, *TOPIC_ATTRIBUTES).items()}
    arn = clients("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
    return Made(arn, {"TopicArn": arn, "TopicName": name})


def _change_topic(target: Target) -> None:
    for name in TOPIC_ATTRIBUTES:
        if target.properties.get(name) != target.before.get(name):
            target.clients("sns").set_topic_attributes(
                TopicArn=target.physical_id,
                AttributeName=name,
                AttributeValue=_to_attribute(target.properties.get(name, "")),
            )


def _remove_topic(clients: Clients, arn: str, _: Properties) -> None:
    clients("sns").delete_topic(TopicArn=arn)


def _set_topic_policy(target: Target) -> None:
    for arn in target.properties["Topics"]:
        target.clients("sns").set_topic_attributes(
            TopicArn=arn,
            AttributeName="Policy",
            AttributeValue=json.dumps(target.properties["PolicyDocument"]),
        )


def _leave_topic_policy(_: Clients, __: str, ___: Properties) -> None:
    """SNS has no call that takes a topic's policy away, and the topic goes with its stack."""


def _make_subscription(clients: Clients, _: str, properties: Properties) -> Made:
    attributes = {
        key: _to_attribute(value)
        for key, value in pick(properties, "FilterPolicy", "RawMessageDelivery", "RedrivePolicy").items()
    }
    arn = clients("sns").subscribe(
        **pick(properties, "TopicArn", "Protocol", "Endpoint"),
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return Made(arn, {"Arn": arn})


def _remove_subscription(clients: Clients, arn: str, _: Properties) -> None:
    clients("sns").unsubscribe(SubscriptionArn=arn)


def _put_rule(clients: Clients, name: str, properties: Properties) -> str:
    events = clients("events")
    pattern = properties.get("EventPattern")
    arn: str = events.put_rule(
        Name=name,
        **pick(properties, "Description", "EventBusName", "RoleArn", "ScheduleExpression", "State"),
        **({} if pattern is None else {"EventPattern": json.dumps(pattern)}),
    )["RuleArn"]
    if targets := properties.get("Targets"):
        events.put_targets(Rule=name, Targets=targets, **pick(properties, "EventBusName"))
    return arn


def _make_rule(clients: Clients, name: str, properties: Properties) -> Made:
    return Made(name, {"Arn": _put_rule(clients, name, properties)})


def _change_rule(target: Target) -> None:
    kept = {one["Id"] for one in target.properties.get("Targets", ())}
    _remove_targets(
        target.clients,
        target.physical_id,
        target.before,
        [one["Id"] for one in target.before.get("Targets", ()) if one["Id"] not in kept],
    )
    _put_rule(target.clients, target.physical_id, target.properties)


def _remove_targets(clients: Clients, rule: str, properties: Properties, ids: list[str]) -> None:
    if ids:
        clients("events").remove_targets(Rule=rule, Ids=ids, **pick(properties, "EventBusName"))


def _remove_rule(clients: Clients, name: str, properties: Properties) -> None:
    _remove_targets(clients, name, properties, [one["Id"] for one in properties.get("Targets", ())])
    clients("events").delete_rule(Name=name, **pick(properties, "EventBusName"))


def _rule_arn(target: Target) -> str:
    bus = target.properties.get("EventBusName")
    arn: str = target.clients("events").describe_rule(
        Name=target.physical_id, **({"EventBusName": bus} if bus else {})
    )["Arn"]
    return arn


def _archive_arguments(properties: Properties) -> dict[str, Any]:
    pattern = properties.get("EventPattern")
    return pick(properties, "Description", "RetentionDays") | (
        {} if pattern is None else {"EventPattern": json.dumps(pattern)}
    )


def _make_archive(clients: Clients, name: str, properties: Properties) -> Made:
    # an empty key is how a template says AWS's own, which is what the emulation has
    key = {"KmsKeyIdentifier": properties["KmsKeyIdentifier"]} if properties.get("KmsKeyIdentifier") else {}
    arn = clients("events").create_archive(
        ArchiveName=name, EventSourceArn=properties["SourceArn"], **_archive_arguments(properties), **key
    )["ArchiveArn"]
    return Made(name, {"Arn": arn, "ArchiveName": name})


def _change_archive(target: Target) -> None:
    target.clients("events").update_archive(
        ArchiveName=target.physical_id, **_archive_arguments(target.properties)
    )


def _remove_archive(clients: Clients, name: str, _: Properties) -> None:
    clients("events").delete_archive(ArchiveName=name)


KINDS = {
    "AWS::SQS::Queue": Kind(
        make=_make_queue,
        remove=_remove_queue,
        put_with=frozenset(QUEUE_ATTRIBUTES),
        again=_change_queue,
        setters={
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("sqs").tag_queue(QueueUrl=target.physical_id, Tags=tags),
                lambda target, keys: target.clients("sqs").untag_queue(
                    QueueUrl=target.physical_id, TagKeys=keys
                ),
            )
        },
        name_property="QueueName",
        longest_name=80,
    ),
    "AWS::SQS::QueuePolicy": Kind(
        make=lambda _, name, __: Made(name),
        remove=_remove_queue_policy,
        made_with=frozenset({"Queues"}),
        setters={"PolicyDocument": _set_queue_policy},
    ),
    "AWS::SNS::Topic": Kind(
        make=_make_topic,
        remove=_remove_topic,
        put_with=frozenset(TOPIC_ATTRIBUTES),
        again=_change_topic,
        setters={
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("sns").tag_resource(
                    ResourceArn=target.physical_id,
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ),
                lambda target, keys: target.clients("sns").untag_resource(
                    ResourceArn=target.physical_id, TagKeys=keys
                ),
            )
        },
        name_property="TopicName",
    ),
    "AWS::SNS::TopicPolicy": Kind(
        make=lambda _, name, __: Made(name),
        remove=_leave_topic_policy,
        made_with=frozenset({"Topics"}),
        setters={"PolicyDocument": _set_topic_policy},
    ),
    "AWS::SNS::Subscription": Kind(
        make=_make_subscription,
        remove=_remove_subscription,
        made_with=frozenset(
            {"Endpoint", "FilterPolicy", "Protocol", "RawMessageDelivery", "RedrivePolicy", "TopicArn"}
        ),
    ),
    "AWS::Events::Rule": Kind(
        make=_make_rule,
        remove=_remove_rule,
        made_with=frozenset({"EventBusName"}),
        put_with=frozenset(
            {"Description", "EventPattern", "RoleArn", "ScheduleExpression", "State", "Targets"}
        ),
        again=_change_rule,
        setters={
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("events").tag_resource(
                    ResourceARN=_rule_arn(target),
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ),
                lambda target, keys: target.clients("events").untag_resource(
                    ResourceARN=_rule_arn(target), TagKeys=keys
                ),
            )
        },
        name_property="Name",
        longest_name=64,
    ),
    "AWS::Events::Archive": Kind(
        make=_make_archive,
        remove=_remove_archive,
        made_with=frozenset({"KmsKeyIdentifier", "SourceArn"}),
        put_with=frozenset({"Description", "EventPattern", "RetentionDays"}),
        again=_change_archive,
        name_property="ArchiveName",
        longest_name=48,
    ),
}
