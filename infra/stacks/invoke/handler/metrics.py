"""What is counted: a few numbers, one line in the log a request, which CloudWatch makes metrics of.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Their one dimension is the service: names of pipelines and callers would be metrics without number.
"""

from __future__ import annotations

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from .logs import SERVICE

_metrics = Metrics(namespace="Sparkdrop", service=SERVICE)


def count(name: str) -> None:
    """Count one."""
    _metrics.add_metric(name, MetricUnit.Count, 1)


def count_link(size: int) -> None:
    """Count a link, and the bytes that it is for."""
    count("LinksMade")
    _metrics.add_metric("BytesDeclared", MetricUnit.Bytes, size)


def count_refusal(kind: str) -> None:
    """Count a call that ended in a problem: all of them in one metric, each kind for whoever asks the log."""
    count("Refused")
    _metrics.add_metadata("problem", kind)


def write_metrics() -> None:
    """Write what this request has counted, if anything: without, Powertools' own decorator warns."""
    if _metrics.provider.metric_set:
        _metrics.flush_metrics()
