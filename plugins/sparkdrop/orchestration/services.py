"""What tasks and triggers work with: one deployment's ledger, storage and EMR."""

import os
from dataclasses import dataclass
from functools import cache

import boto3
from botocore.config import Config

from sparkdrop.aws.emr import Emr
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.settlement import BatchSettler
from sparkdrop.aws.storage import Storage
from sparkdrop.core.deployment import Deployment

_TIMEOUTS = Config(connect_timeout=5, read_timeout=10)
"""DynamoDB answers in milliseconds; whoever waits a minute for each try notices the end of an outage late."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts, each with a boto3 client of its own."""

    deployment: Deployment
    ledger: Ledger
    storage: Storage
    settler: BatchSettler

    def make_emr(self) -> Emr:
        """Make a client for EMR; most tasks need none, and one takes a tenth of a second to build."""
        return Emr(self.deployment.ledger_table)


@cache
def get_deployment() -> Deployment:
    """Read the deployment from this process's environment."""
    return Deployment.from_environment(os.environ)


@cache
def get_services() -> Services:
    """Make the services of this process."""
    deployment = get_deployment()
    ledger = Ledger(deployment.ledger_table, client=boto3.client("dynamodb", config=_TIMEOUTS))
    storage = Storage()
    return Services(deployment, ledger, storage, BatchSettler(ledger, storage, deployment))
