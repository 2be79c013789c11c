"""What a job may have of the machine: what it asks for, within the runtime's bounds. Pure."""

import re
from dataclasses import replace

from sparkdrop_local.emr.jobs.submission import Resources
from sparkdrop_local.spark import SparkRuntime

_MIB = 1024 * 1024
_UNITS = {"b": 1, "k": 1024, "m": _MIB, "g": 1024 * _MIB, "t": 1024**2 * _MIB, "p": 1024**3 * _MIB}


def bound_runtime(runtime: SparkRuntime, resources: Resources, *, takes_all: bool = False) -> SparkRuntime:
    """Give a job's runtime: the cores and memory that it asks for, never more than the bounds.

    One JVM is driver and executors, so its threads are all executors' cores together, and its heap is the
    larger one of both. What is not said is the runtime's own, or all that there is for
    ``maximizeResourceAllocation``.
    """
    cores = _asked_cores(resources)
    memory = [parse_memory(text) for text in (resources.driver_memory, resources.executor_memory) if text]
    bound = parse_memory(runtime.max_memory)
    if not memory and takes_all:
        memory = [bound]
    if cores is None and takes_all:
        cores = runtime.max_cores
    return replace(
        runtime,
        cores=min(cores, max(runtime.max_cores, runtime.cores)) if cores else runtime.cores,
        driver_memory=f"{min(max(memory), bound) // _MIB}m" if memory else runtime.driver_memory,
    )


def parse_memory(text: str) -> int:
    """Read a size as Spark writes it, in bytes; a bare number is MiB."""
    match = re.fullmatch(r"(\d+)([bkmgtp]?)b?", text)
    if match is None:
        raise ValueError(f"{text} is no size such as 512m or 4g")
    return int(match[1]) * _UNITS[match[2] or "m"]


def _asked_cores(resources: Resources) -> int | None:
    """Count the threads that are asked for; executors that YARN would add on demand are as many as fit."""
    if resources.threads is not None:
        return resources.threads
    if resources.executors is None or resources.executor_cores is None:
        return None
    return resources.executors * resources.executor_cores
