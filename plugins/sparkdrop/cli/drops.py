"""Which key a local file gets: the first folder of a pipeline's patterns that the file's name fits into."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from sparkdrop.aws.uploading import Drop
from sparkdrop.core.errors import SparkdropError
from sparkdrop.core.patterns import has_wildcard, takes
from sparkdrop.core.pipeline import Pipeline


class WrongDropError(SparkdropError):
    """What was asked for cannot be dropped: wrong usage, nothing was sent."""


def find_pipeline(pipelines: Mapping[str, Pipeline], name: str) -> Pipeline:
    """Find a pipeline by its name.

    Raises:
        WrongDropError: there is none; the nearest name is suggested.
    """
    if name not in pipelines:
        raise WrongDropError(f"no pipeline is called {name!r}; {suggest(name, list(pipelines))}")
    return pipelines[name]


def suggest(name: str, known: Sequence[str]) -> str:
    """Suggest the nearest of the known names, or name them all."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"


def plan_drops(
    pipelines: Mapping[str, Pipeline], name: str, paths: Sequence[Path], *, uploads_bucket: str
) -> list[Drop]:
    """Say where files go so that this pipeline takes them.

    Args:
        pipelines: all pipelines; no two of them claim the same key, or they would not have loaded.
        name: the pipeline.
        paths: local files.
        uploads_bucket: the bucket of the pipelines that name none.

    Raises:
        WrongDropError: no such pipeline, a file that its patterns do not accept, or two files of one name.
    """
    pipeline = find_pipeline(pipelines, name)
    bucket = pipeline.arrival.bucket or uploads_bucket
    drops = []
    for path in paths:
        key = find_key(pipeline, path.name)
        if key is None:
            accepted = ", ".join(pipeline.arrival.keys)
            raise WrongDropError(
                f"{path}: pipeline {name!r} does not accept {path.name!r}; accepted: {accepted}"
            )
        drops.append(Drop(path=path, pipeline=name, bucket=bucket, key=key))
    twice = [key for key, count in Counter(drop.key for drop in drops).items() if count > 1]
    if twice:
        raise WrongDropError(
            f"two of the files would go to {', '.join(twice)}, where one would replace the other; "
            "rename one, or upload them one after the other"
        )
    return drops


def find_key(pipeline: Pipeline, file_name: str) -> str | None:
    """Put a file into the first pattern's folder that makes a key of the pipeline; None where none does."""
    for pattern in pipeline.arrival.keys:
        key = _literal_folder(pattern) + file_name
        if takes(pipeline.arrival.keys, key, hidden=pipeline.arrival.hidden):
            return key
    return None


def _literal_folder(pattern: str) -> str:
    """Every folder before the first wildcard."""
    folders = pattern.split("/")[:-1]
    literal = next((index for index, folder in enumerate(folders) if has_wildcard(folder)), len(folders))
    return "".join(f"{folder}/" for folder in folders[:literal])
