"""The documentation says what the code does: commands, pipeline files, keys and defaults, names."""

import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
import yaml
from pydantic import BaseModel, TypeAdapter

from sparkdrop.aws.listing import FIELDS
from sparkdrop.cli.main import app
from sparkdrop.core import compute, pipeline, rejects
from sparkdrop.core.config import parse_configs
from sparkdrop.core.deployment import Deployment, environment_name
from sparkdrop.core.input import Input
from sparkdrop.core.quantities import format_duration
from sparkdrop.core.uploads import UploadState
from sparkdrop.core.variables import Variable

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "include" / "emr_configs"
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "pipelines.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
MARKER = re.compile(r"# pipeline: (\w+\.yaml)\n")
COMMAND = typer.main.get_command(app)


def name_page(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read_blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text("utf-8")) if found == language]


def read_prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


# commands


def find_commands() -> Iterator[Any]:
    """Every `sparkdrop …` in a code span or a shell block: page, line, whether it is there to be run."""
    for page in PAGES:
        whole = [
            line
            for block in read_blocks(page, "sh")
            # `eval "$(sparkdrop …)"` runs one as well
            for line in re.findall(r"sparkdrop [^\n)]*", block)
        ]
        spans = [span for span in SPAN.findall(read_prose(page)) if span.startswith("sparkdrop ")]
        yield from ((name_page(page), line, "whole") for line in whole)
        yield from ((name_page(page), line, "named") for line in spans)


def check_command(line: str, kind: str) -> None:
    """Fail where a command line is wrong; one that is only named may leave arguments and options out."""
    command, words = find_command(shlex.split(line)[1:])
    options = {name: param for param in command.params for name in param.opts + param.secondary_opts}
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    given: set[str] = set()
    positional = 0
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            positional += 1
            continue
        assert word in {*options, "--help"}, f"no option {word}"
        if word != "--help" and not options[word].is_flag:
            assert words, f"{word} has no value"
            assert not words.pop(0).startswith("-"), f"{word} has no value"
        given.add(options[word].name if word in options else word)
    assert positional <= len(arguments) or any(param.nargs == -1 for param in arguments), "too many arguments"
    if kind == "whole":
        assert positional >= len([param for param in arguments if param.required]), "an argument is missing"
        needed = {param.name for param in command.params if param.required and param not in arguments}
        assert needed <= given, "an option is missing"


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """Follow the words to their command; the rest are its own."""
    command: Any = COMMAND
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize(("page", "line", "kind"), list(find_commands()))
def test_every_command_exists_with_its_options(page: str, line: str, kind: str) -> None:  # noqa: ARG001 - the page is in the test's name
    check_command(line, kind)


@pytest.mark.parametrize(
    "line",
    [
        "sparkdrop locl up",
        "sparkdrop local up --detached",
        "sparkdrop local logs --lines --follow",
        "sparkdrop uploads show A B",
        "sparkdrop uploads show",
        "sparkdrop upload flights.csv",
    ],
)
def test_wrong_command_lines_are_seen(line: str) -> None:
    with pytest.raises(AssertionError):
        check_command(line, "whole")


def list_command_names(command: Any, name: str = "sparkdrop") -> Iterator[str]:
    for word, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from list_command_names(inner, f"{name} {word}")
        else:
            yield f"{name} {word}"


@pytest.mark.parametrize("name", list(list_command_names(COMMAND)))
def test_the_readme_tells_of_every_command(name: str) -> None:
    assert re.search(rf"^\| `{name}[ `]", README.read_text("utf-8"), re.MULTILINE), f"{name} has no row"


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    pages = [page.read_text("utf-8") for page in PAGES]
    named = {name for text in pages for name in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)}
    assert {"demo", "test"} <= named <= targets


# pipeline files


def read_pipelines(page: Path) -> dict[str, str]:
    blocks = read_blocks(page, "yaml")
    found = {match[1]: block for block in blocks if (match := MARKER.match(block))}
    assert len(found) == len(blocks), "a YAML block begins with '# pipeline: NAME.yaml', each with its own"
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if read_blocks(page, "yaml")], ids=name_page)
def test_every_pipeline_in_the_docs_loads_beside_the_others_of_its_page(page: Path) -> None:
    blocks = read_pipelines(page)

    loaded = parse_configs(blocks | {"_defaults.yaml": (CONFIGS / "_defaults.yaml").read_text("utf-8")})

    assert not loaded.errors
    assert set(loaded.pipelines) == {Path(name).stem for name in blocks}


def test_the_pipeline_that_the_readme_explains_is_the_one_that_ships() -> None:
    (block,) = read_pipelines(README).values()
    assert MARKER.sub("", block, count=1) == (CONFIGS / "flights.yaml").read_text("utf-8")


def read_tables(text: str) -> dict[str, str]:
    """The rows of all tables in a text: what the first cell has in backticks, and the second cell."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", text, re.MULTILINE)
    return {name: second for first, second in rows for name in SPAN.findall(first)}


SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "The pipeline": (pipeline.Pipeline,),
    "`arrival`": (pipeline.ArrivalSettings,),
    "`batch`": (pipeline.BatchSettings,),
    "`input`": (Input,),
    "`rejects`": (rejects.RejectSettings,),
    "`job`": (pipeline.Job,),
    "`compute`": (compute.EmrEc2, compute.CoreNodes),
    "`output`": (pipeline.Output,),
    "`retries`": (pipeline.Retries,),
    "`variables`": (Variable,),
}


def read_section(title: str) -> dict[str, str]:
    sections = re.split(r"^## ", REFERENCE.read_text("utf-8"), flags=re.MULTILINE)
    (section,) = (text for text in sections if text.startswith(f"{title}\n"))
    return read_tables(section)


def list_fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field


FIELD_CASES = [
    pytest.param(title, key, field, id=f"{model.__name__}.{key}")
    for title, models in SECTIONS.items()
    for model in models
    for key, field in list_fields(model)
]


@pytest.mark.parametrize(("title", "key", "field"), FIELD_CASES)
def test_every_key_is_in_the_reference_with_its_default(title: str, key: str, field: Any) -> None:
    told = read_section(title)[key]
    default = field.get_default(call_default_factory=True)
    value = SPAN.match(told)
    if value:
        # the pipeline's name stands in for what is not a value but a form
        given = yaml.safe_load(value[1].replace("<pipeline>", "it"))
        # Annotated wants a second part, and most fields have no metadata
        read = TypeAdapter(Annotated[(field.annotation, "", *field.metadata)]).validate_python(given)
        assert read == ("it/" if key == "prefix" else default)
    elif told.startswith(("required", "the file's stem", "from the endings")):
        assert field.is_required()
    elif told.startswith(("none", "empty", "inferred", "the uploads bucket")):
        assert default in (None, (), {}, "")
    else:
        assert told in {"see there", "see below"}
        assert isinstance(default, BaseModel) or field.is_required()


def test_the_reference_knows_no_key_that_is_not_there() -> None:
    for title, models in SECTIONS.items():
        keys = {key for model in models for key, _ in list_fields(model)}
        unknown = set(read_section(title)) - keys - {"LaunchSpecifications", "EbsConfiguration"}
        assert not unknown, title


def list_emr_keys(model: type[BaseModel]) -> set[str]:
    """Every key of a model's JSON Schema and of those below it."""
    schema = model.model_json_schema(by_alias=True)
    return {key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", {})}


@pytest.mark.parametrize("model", [compute.InstanceGroup, compute.InstanceFleet, compute.Configuration])
def test_every_key_of_emrs_own_request_is_in_the_reference(model: type[BaseModel]) -> None:
    missing = list_emr_keys(model) - set(SPAN.findall(read_prose(REFERENCE)))
    assert not missing


# names


def test_the_readme_lists_the_fields_of_an_upload() -> None:
    (listed,) = re.findall(r"An upload in JSON has `([^`]+)`", README.read_text("utf-8"))
    assert tuple(re.split(r",\s+", listed)) == FIELDS


def test_the_readme_explains_every_state() -> None:
    told = read_tables(README.read_text("utf-8"))
    assert {state.value for state in UploadState} <= set(told)


def test_the_readme_names_the_environment_of_a_deployment() -> None:
    told = read_tables(README.read_text("utf-8"))
    for field, info in Deployment.model_fields.items():
        row = told[environment_name(field)]
        assert row.startswith("optional") != info.is_required(), field
        if info.default and not info.is_required():
            shown = format_duration(info.default) if isinstance(info.default, timedelta) else info.default
            assert f"`{shown}`" in row, field
