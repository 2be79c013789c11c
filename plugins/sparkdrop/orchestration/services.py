"""What tasks and triggers work with: one deployment's ledger, storage and EMR."""

import os
import threading
from dataclasses import dataclass
from functools import cache, cached_property

import boto3
from botocore.config import Config

from sparkdrop.aws.emr import Emr
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.settlement import BatchSettler
from sparkdrop.aws.storage import Storage
from sparkdrop.core.deployment import Deployment
from sparkdrop.orchestration.routes import Routes

_TIMEOUTS = Config(connect_timeout=5, read_timeout=10)
"""DynamoDB answers in milliseconds; whoever waits a minute for each try notices the end of an outage late."""


_MAKING_CLIENTS = threading.Lock()
"""Triggers ask from several threads, and boto3's default session makes one client at a time."""


@dataclass(frozen=True)
class Services:
    """The parts, each with a boto3 client of its own, which threads may share."""

    deployment: Deployment
    ledger: Ledger
    storage: Storage
    settler: BatchSettler

    @property
    def emr(self) -> Emr:
        """EMR; most tasks need none, and its client takes a tenth of a second to build."""
        with _MAKING_CLIENTS:
            return self._emr

    @cached_property
    def _emr(self) -> Emr:
        return Emr(self.deployment.ledger_table)

    @cached_property
    def routes(self) -> Routes:
        """The pipelines, for whoever looks at them again and again."""
        return Routes(self.deployment)


@cache
def get_deployment() -> Deployment:
    """Read the deployment from this process's environment."""
    return Deployment.from_environment(os.environ)


@cache
def get_services() -> Services:
    """Make the services of this process."""
    deployment = get_deployment()
    with _MAKING_CLIENTS:
        ledger = Ledger(deployment.ledger_table, client=boto3.client("dynamodb", config=_TIMEOUTS))
        storage = Storage()
    return Services(deployment, ledger, storage, BatchSettler(ledger, storage, deployment))
