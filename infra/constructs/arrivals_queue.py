"""The queue of arrivals, with the queue of what could not be read."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

# A reader that holds a message longer has crashed: it reads, writes the ledger and deletes within seconds.
VISIBILITY_TIMEOUT = cdk.Duration.seconds(60)
# SQS's longest: an idle reader asks three times a minute, and an arrival is seen at once.
RECEIVE_WAIT = cdk.Duration.seconds(20)
# SQS's longest: how long Airflow may be down before the queue forgets an arrival (a sweep still finds it).
RETENTION = cdk.Duration.days(14)
MAX_RECEIVES = 5


class ArrivalsQueue(Construct):
    """An SQS queue that an EventBridge rule fills with every object created in a bucket.

    Attributes:
        queue: What the arrival stream reads.
        dead_letters: What it could not read in five attempts, and what EventBridge could not deliver.
        pattern: What the rule takes.
        rule: The rule between bucket and queue.
    """

    def __init__(self, scope: Construct, construct_id: str, *, uploads: s3.IBucket) -> None:
        """Create queue, dead-letter queue and rule for the events of ``uploads``."""
        super().__init__(scope, construct_id)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=RETENTION,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=VISIBILITY_TIMEOUT,
            receive_message_wait_time=RECEIVE_WAIT,
            retention_period=RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=MAX_RECEIVES, queue=self.dead_letters),
        )
        # No condition on the reason: multipart uploads end with CompleteMultipartUpload, copies with
        # CopyObject.
        self.pattern = events.EventPattern(
            source=["aws.s3"],
            detail_type=["Object Created"],
            detail={"bucket": {"name": [uploads.bucket_name]}},
        )
        self.rule = events.Rule(
            self,
            "Rule",
            description="Every object created in the uploads bucket, whatever created it",
            event_pattern=self.pattern,
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters)],
        )
