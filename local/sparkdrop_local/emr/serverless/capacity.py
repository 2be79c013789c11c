"""How much of an application a job run takes: its workers, as EMR Serverless counts them. Pure.

https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/jobs-spark.html#spark-defaults
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

_DEFAULT_CORES = "4"
_DEFAULT_MEMORY = "14g"
_DEFAULT_DISK = "20g"
_DEFAULT_EXECUTORS = 3
_OVERHEAD_FACTOR = 0.1
_LEAST_OVERHEAD_GB = 384 / 1024
_NUMBER = re.compile(r"\d+")
_SPARK_SIZE = re.compile(r"(?P<number>\d+)(?P<unit>[kmgt]?)b?", re.IGNORECASE)
# as Spark reads an integer, as far as one counts workers
_COUNT = re.compile(r"[0-9]{1,9}")
_GB_OF_UNIT = {"k": 1 / 1024**2, "": 1 / 1024, "m": 1 / 1024, "g": 1.0, "t": 1024.0}
_CONF_OPTIONS = ("--conf", "-c")
# spark-submit's options that are settings, by those settings
_SETTING_OPTIONS = {
    **dict.fromkeys(_CONF_OPTIONS, ""),
    "--driver-cores": "spark.driver.cores",
    "--driver-memory": "spark.driver.memory",
    "--executor-cores": "spark.executor.cores",
    "--executor-memory": "spark.executor.memory",
    "--num-executors": "spark.executor.instances",
}


@dataclass(frozen=True, slots=True)
class Resources:
    """vCPUs, and GB of memory and of disk."""

    cpu: float = 0
    memory: float = 0
    disk: float = 0

    def __add__(self, other: "Resources") -> "Resources":
        """Take both."""
        return Resources(self.cpu + other.cpu, self.memory + other.memory, self.disk + other.disk)

    def __mul__(self, count: float) -> "Resources":
        """Take it a number of times."""
        return Resources(self.cpu * count, self.memory * count, self.disk * count)

    @classmethod
    def parse(cls, worker: Mapping[str, Any]) -> Self:
        """Read a worker's configuration: ``{"cpu": "4 vCPU", "memory": "16 GB"}``, with 20 GB of disk."""
        return cls(
            _leading(worker["cpu"]), _leading(worker["memory"]), _leading(worker.get("disk") or _DEFAULT_DISK)
        )


@dataclass(frozen=True, slots=True)
class Workers:
    """What a job run needs: its driver, and as many executors as it starts with."""

    driver: Resources
    executor: Resources
    executors: int

    def find_missing(self, limit: Mapping[str, Any] | None) -> list[str]:
        """List the limits that leave no room for a driver and one executor, without which nothing runs."""
        return find_exceeded(self.driver + self.executor, limit)

    def fit(self, used: Resources, limit: Mapping[str, Any] | None) -> tuple[Resources, int] | None:
        """Take what can be had: all executors or fewer, one at least.

        Returns:
            What is taken, and how many workers that is; None where not even the least can be had.
        """
        # the most that no limit is exceeded by; more of them never fit where fewer do not
        least, most = 0, max(self.executors, 1)
        while least < most:
            executors = (least + most + 1) // 2
            if find_exceeded(used + self.driver + self.executor * executors, limit):
                most = executors - 1
            else:
                least = executors
        return (self.driver + self.executor * least, least + 1) if least else None


def find_exceeded(wanted: Resources, limit: Mapping[str, Any] | None) -> list[str]:
    """List the limits of a maximumCapacity that are exceeded, as EMR words them: ``cpu: 4 vCPU``."""
    if limit is None:
        return []
    return [
        f"{name}: {limit[name]}"
        for name in ("cpu", "memory", "disk")
        if limit.get(name) and getattr(wanted, name) > _leading(limit[name])
    ]


def sum_initial(initial: Mapping[str, Any]) -> Resources:
    """Add up an initialCapacity; workers without a configuration are EMR's default ones."""
    default = {"cpu": "4 vCPU", "memory": "16 GB"}
    total = Resources()
    for workers in initial.values():
        worker = Resources.parse(workers.get("workerConfiguration") or default)
        total += worker * workers["workerCount"]
    return total


def read_conf(defaults: Mapping[str, str], parameters: Sequence[str]) -> dict[str, str]:
    """Collect the Spark settings of a job run: the defaults, then those of its sparkSubmitParameters.

    Of parameters that make no command, what can be read is read: the job run itself will tell of the rest.
    """
    conf = dict(defaults)
    words = iter(parameters)
    for word in words:
        name, separator, value = word.partition("=")
        if name not in _SETTING_OPTIONS:
            continue
        if not separator:
            value = next(words, "")
        if name in _CONF_OPTIONS:
            key, _, text = value.partition("=")
            conf[key.strip()] = text
        else:
            conf[_SETTING_OPTIONS[name]] = value
    return conf


def plan_workers(conf: Mapping[str, str]) -> Workers:
    """Plan the workers of a job run with these Spark settings."""
    executors = conf.get("spark.executor.instances") or conf.get("spark.dynamicAllocation.initialExecutors")
    return Workers(
        driver=_worker(conf, "driver"),
        executor=_worker(conf, "executor"),
        executors=int(executors) if executors and _COUNT.fullmatch(executors) else _DEFAULT_EXECUTORS,
    )


def _worker(conf: Mapping[str, str], role: str) -> Resources:
    memory = _gigabytes(conf.get(f"spark.{role}.memory", _DEFAULT_MEMORY))
    overhead = conf.get(f"spark.{role}.memoryOverhead")
    extra = max(memory * _OVERHEAD_FACTOR, _LEAST_OVERHEAD_GB) if overhead is None else _gigabytes(overhead)
    return Resources(
        cpu=_leading(conf.get(f"spark.{role}.cores", _DEFAULT_CORES)),
        memory=math.ceil(memory + extra),
        disk=_gigabytes(conf.get(f"spark.emr-serverless.{role}.disk", _DEFAULT_DISK)),
    )


def _gigabytes(text: str) -> float:
    """Read Spark's sizes: ``14g``, ``2048m``; a bare number is MiB. What Spark will refuse counts nothing."""
    found = _SPARK_SIZE.fullmatch(text.strip())
    return int(found["number"]) * _GB_OF_UNIT[found["unit"].lower()] if found else 0.0


def _leading(text: str) -> float:
    found = _NUMBER.match(text.strip())
    return float(found[0]) if found else 0.0
