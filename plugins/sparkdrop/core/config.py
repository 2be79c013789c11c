"""Pipeline files: texts in, pipelines and errors out.

``_defaults.yaml`` lies below each file: mappings merge key by key, lists and single values replace. A file
that is wrong costs only its own pipeline; a wrong ``_defaults.yaml`` would change all, so then nothing loads.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sparkdrop.core.document import Document, Path, parse_document
from sparkdrop.core.errors import ConfigError, Problem
from sparkdrop.core.explanation import explain
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.routing import find_overlaps
from sparkdrop.core.values import check_name, suggest_name
from sparkdrop.core.variables import Variable, substitute

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sparkdrop.core.variables import Finding, Lookup

DEFAULTS_STEM = "_defaults"
_STAND_IN = {"arrival": {"keys": ["stand-in/*.csv"]}}


@dataclass(frozen=True, slots=True)
class LoadedConfigs:
    """What a folder of pipeline files holds.

    Attributes:
        pipelines: The good ones by name, in the order of their names.
        errors: What is wrong, by file; such a file's pipeline is not among the others.
    """

    pipelines: Mapping[str, Pipeline]
    errors: Mapping[str, ConfigError]


def no_lookup(source: str, name: str) -> str | None:  # noqa: ARG001 - the shape of a Lookup
    """Know no variable: every one takes its default."""
    return None


def parse_configs(
    files: Mapping[str, str], *, lookup: Lookup = no_lookup, programs: Collection[str] | None = None
) -> LoadedConfigs:
    """Parse all pipeline files of a folder together.

    Args:
        files: Each file's text by its name (a path, as errors should say it).
        lookup: Answers the declared variables.
        programs: The Spark programs there are (names in include/spark_jobs/); None does not check.
    """
    defaults_file = next((name for name in files if PurePosixPath(name).stem == DEFAULTS_STEM), None)
    defaults = Document("", {}, None)
    if defaults_file is not None:
        try:
            defaults = _parse_defaults(defaults_file, files[defaults_file], lookup)
        except ConfigError as error:
            return LoadedConfigs(MappingProxyType({}), MappingProxyType({defaults_file: error}))
    pipelines: dict[str, Pipeline] = {}
    documents: dict[str, Document] = {}
    errors: dict[str, ConfigError] = {}
    for file, text in sorted(files.items()):
        if file == defaults_file:
            continue
        try:
            document = parse_document(file, text)
            pipeline = parse_pipeline(document, defaults, lookup=lookup, programs=programs)
            _check_unique(pipeline, file, documents)
        except ConfigError as error:
            errors[file] = error
            continue
        pipelines[pipeline.name] = pipeline
        documents[pipeline.name] = document
    for name, problems in _overlap_problems(pipelines, documents, defaults).items():
        errors[documents[name].file] = ConfigError(*problems)
        del pipelines[name]
    return LoadedConfigs(MappingProxyType(pipelines), MappingProxyType(dict(sorted(errors.items()))))


def parse_pipeline(
    document: Document,
    defaults: Document,
    *,
    lookup: Lookup = no_lookup,
    programs: Collection[str] | None = None,
) -> Pipeline:
    """Make the pipeline of one file.

    Raises:
        ConfigError: With everything that is wrong with it.
    """
    stem = PurePosixPath(document.file).stem
    problems: list[Problem] = []
    try:
        name = check_name(stem)
    except ValueError as error:
        problems.append(
            Problem(file=document.file, path="", message=f"the file's name is the pipeline's: {error}")
        )
        name = suggest_name(stem) or "unnamed"
    merged = merge(defaults.values, document.values)
    pipeline, findings = _validate(name, merged, lookup)
    if pipeline is not None and programs is not None:
        findings += _program_findings(pipeline, programs)
    problems += [_place(finding, document, defaults) for finding in findings]
    if problems or pipeline is None:
        raise ConfigError(*sorted(problems, key=lambda problem: (problem.file, problem.line or 0)))
    return pipeline


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another: mappings merge, all else replaces, an empty section changes nothing."""
    merged = dict(below)
    for key, value in above.items():
        base = below.get(key)
        if isinstance(base, dict) and isinstance(value, dict):
            merged[key] = {**base, **value} if key == "variables" else merge(base, value)
        elif not (isinstance(base, dict) and value is None):
            merged[key] = value
    return merged


def _parse_defaults(file: str, text: str, lookup: Lookup) -> Document:
    """Check the defaults on their own, with the one thing added that only a pipeline can say."""
    document = parse_document(file, text)
    _, findings = _validate("stand_in", merge(_STAND_IN, document.values), lookup)
    if findings:
        problems = sorted(
            (document.problem(path, message, hint) for path, message, hint in findings),
            key=lambda problem: problem.line or 0,
        )
        hint = "no pipeline is loaded until it is mended"
        raise ConfigError(
            *problems, Problem(file=file, path="", message="lies below every pipeline", hint=hint)
        )
    return document


def _validate(name: str, merged: dict[str, Any], lookup: Lookup) -> tuple[Pipeline | None, list[Finding]]:
    declared = merged.pop("variables", None) or {}
    variables, findings = _parse_variables(declared)
    values, unresolved = substitute(merged, variables, lookup)
    findings += [found for found in unresolved if not _is_known_bad(found, declared, variables)]
    if "name" in values:
        values.pop("name")
        findings.append((("name",), "is no known key", "a pipeline is called what its file is called"))
    given = {key: value for key, value in values.items() if value is not None}
    try:
        return Pipeline.model_validate({**given, "name": name}), findings
    except ValidationError as error:
        return None, [*findings, *explain(error, Pipeline)]


def _parse_variables(declared: object) -> tuple[dict[str, Variable], list[Finding]]:
    variables: dict[str, Variable] = {}
    findings: list[Finding] = []
    if not isinstance(declared, dict):
        return {}, [(("variables",), "accepted: a mapping of names to declarations", "")]
    for name, value in declared.items():
        try:
            variables[name] = Variable.model_validate(value)
        except ValidationError as error:
            findings += [
                (("variables", name, *path), message, hint)
                for path, message, hint in explain(error, Variable)
            ]
    return variables, findings


def _is_known_bad(found: Finding, declared: object, variables: Mapping[str, Variable]) -> bool:
    """Whether an "undeclared" variable is one whose declaration has its own error already."""
    bad = set(declared) - set(variables) if isinstance(declared, dict) else set()
    return any(found[1].startswith(f"found ${{{name}}}") for name in bad)


def _program_findings(pipeline: Pipeline, programs: Collection[str]) -> list[Finding]:
    program = pipeline.job.program
    if not pipeline.job.is_shipped or program in programs:
        return []
    near = difflib.get_close_matches(program, programs, n=1)
    known = ", ".join(sorted(programs)) or "none is there"
    message = f"found {program!r}, which is not in include/spark_jobs/; accepted: {known}"
    return [(("job", "program"), message, f"did you mean {near[0]!r}?" if near else "")]


def _place(finding: Finding, document: Document, defaults: Document) -> Problem:
    """Blame the file that says it: the defaults, where only they name the key."""
    path, message, hint = finding
    owner = defaults if _is_only_in(path, defaults, document) else document
    return owner.problem(path, message, hint)


def _is_only_in(path: Path, defaults: Document, document: Document) -> bool:
    return bool(path) and defaults.has(path) and not document.has(path)


def _check_unique(pipeline: Pipeline, file: str, documents: Mapping[str, Document]) -> None:
    if pipeline.name in documents:
        message = f"the pipeline {pipeline.name!r} is also in {documents[pipeline.name].file}"
        raise ConfigError(Problem(file=file, path="", message=message, hint="rename one of the two files"))


def _overlap_problems(
    pipelines: Mapping[str, Pipeline], documents: Mapping[str, Document], defaults: Document
) -> dict[str, list[Problem]]:
    problems: dict[str, list[Problem]] = {}
    for found in find_overlaps(pipelines.values()):
        sides = ((found.one, found.one_at), (found.other, found.other_at))
        for (mine, index), (theirs, their_index) in (sides, sides[::-1]):
            there = documents[theirs.name]
            line = there.line_of(("arrival", "keys", their_index))
            place = f"{there.file}:{line}" if line else there.file
            message = (
                f"found {mine.arrival.keys[index]!r}, but {theirs.arrival.keys[their_index]!r} of {place} "
                f"can match the same object, as in {found.key!r}"
            )
            finding = (
                ("arrival", "keys", index),
                message,
                "one object, one pipeline: narrow one of them",
            )
            problems.setdefault(mine.name, []).append(_place(finding, documents[mine.name], defaults))
    return problems
