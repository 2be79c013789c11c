"""What a pipeline file says of its files: endings, Spark's options, types; errors with file and line."""

import pytest
from pydantic import ValidationError

from sparkdrop.core.config import parse_configs
from sparkdrop.core.endings import COMPRESSIONS
from sparkdrop.core.pipeline import Pipeline


def load(text, keys='["p/*.csv"]', more=""):
    loaded = parse_configs({"p.yaml": f"arrival: {{keys: {keys}}}\n{text}{more}"})
    return loaded.pipelines.get("p"), [
        str(problem) for error in loaded.errors.values() for problem in error.problems
    ]


# formats and endings


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (["a/*.tsv", "a/*.csv.zip"], "csv"),
        (["a/*.jsonl.zst", "a/*.ndjson.bz2", "a/*.json"], "json"),
        (["a/*.parq", "a/*.parquet"], "parquet"),
        (["a/*.avro"], "avro"),
        (["a/*.orc"], "orc"),
        (["a/*.CSV", "a/*.csv.GZ"], "csv"),
        (["a/*.avro", "a/*.orc"], None),
        (["a/*.txt"], None),
        (["a/*"], None),
    ],
)
def test_the_format_follows_from_the_endings(keys, kind):
    data = {"name": "p", "arrival": {"keys": keys}}
    if kind is None:
        with pytest.raises(ValidationError, match="Field required"):
            Pipeline.model_validate(data)
    else:
        assert Pipeline.model_validate(data).input.format == kind


@pytest.mark.parametrize("ending", ["", *COMPRESSIONS])
@pytest.mark.parametrize("name", ["csv", "tsv", "json", "jsonl", "ndjson", "xml"])
def test_text_files_may_be_compressed(name, ending):
    tag = "input: {row_tag: row}" if name == "xml" else ""
    pipeline, problems = load(tag, f'["p/*.{name}{ending}"]')
    assert problems == []
    assert pipeline.input.format == {"tsv": "csv", "jsonl": "json", "ndjson": "json"}.get(name, name)


NOT_READ = [
    "snappy",
    "lz4",
    "deflate",
    "br",
    "Z",
    "7z",
    "rar",
    "tar",
    "tar.gz",
    "tgz",
    "lzo",
    "zstd",
    "gzip",
    "lzma",
]


@pytest.mark.parametrize("ending", NOT_READ)
def test_another_compression_is_an_error_of_the_file(ending):
    accepted = "accepted: csv files as they are, or as .gz, .bz2, .xz, .zst, .zip"
    said = f"p.yaml:1: arrival.keys[1]: found 'p/*.csv.{ending}'; {accepted}"
    assert load("", f'["p/*.csv", "p/*.csv.{ending}"]') == (None, [said])
    assert load("input: {format: csv}", f'["p/*.dat", "p/*.csv.{ending}"]') == (None, [said])


@pytest.mark.parametrize("name", ["parquet", "avro", "orc"])
@pytest.mark.parametrize("ending", [".gz", ".zip", ".snappy"])
def test_what_is_compressed_inside_has_its_plain_ending(name, ending):
    _, (said,) = load("", f'["p/*.{name}{ending}"]')
    assert f"{name} files are compressed inside; accepted: names that end in .{name}" in said
    assert load("", f'["p/*.snappy.{name}"]')[1] == []


def test_a_program_of_ones_own_reads_what_it_likes():
    pipeline, problems = load("job: {program: own.py}", '["p/*.csv.snappy"]', "\ninput: {schema: a VARIANT}")
    assert problems == []
    assert pipeline.input.format == "csv"


def test_an_empty_format_follows_from_the_endings_as_well():
    pipeline, problems = load("input:\n  format:\n")
    assert (pipeline.input.format, problems) == ("csv", [])


def test_an_unknown_key_without_a_value_is_an_error():
    _, (said,) = load("input: {schema: a INT, b INT}")
    assert "input.b INT: is no known key" in said


# options, which are gone


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("sep", "write input.separator"),
        ("delimiter", "write input.separator"),
        ("nullValue", "write input.nulls, a list of texts"),
        ("NULLVALUE", "write input.nulls"),
        ("encoding", "write input.charset"),
        ("charset", "write input.charset"),
        ("header", "write input.header"),
        ("quote", "write input.quote"),
        ("dateFormat", "write input.date_format"),
        ("timestampFormat", "write input.timestamp_format"),
        ("locale", "write input.decimal"),
        ("multiLine", "leave it out: the files themselves tell"),
        ("mode", "leave it out: no row is passed over"),
        ("ignoreCorruptFiles", "leave it out: no row is passed over"),
        ("lineSep", "leave it out: every end of a line is read"),
        ("rowTag", "write input.row_tag"),
        ("seperator", "did you mean input.separator?"),
        ("nullValues", "write input.nulls"),
        ("zzz", "a program of one's own gets its reader's settings through job.arguments"),
    ],
)
def test_each_option_is_told_what_stands_in_its_place(option, advice):
    _, problems = load(f"input:\n  options:\n    primitivesAsString: true\n    {option}: x\n")
    first, said = problems
    assert first.startswith("p.yaml:4: input.options.primitivesAsString: ")
    assert said.startswith(f"p.yaml:5: input.options.{option}: is no known key")
    assert advice in said


@pytest.mark.parametrize("text", ["input: {options: {}}", "input: {options: x}", "input: {options: }"])
def test_options_without_an_option_are_an_error_as_well(text):
    _, (said,) = load(text)
    assert said.startswith(
        "p.yaml:2: input.options: options are not passed to Spark any more; accepted here: charset"
    )


def test_options_of_a_program_of_ones_own_are_gone_as_well():
    _, (said,) = load("job: {program: own.py}", more="\ninput: {options: {sep: x}}")
    assert "write input.separator" in said


# what ingest.py cannot do


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("a VOID", "column 'a': VOID is no type that ingest.py reads"),
        ("a INT, b VARIANT", "column 'b': VARIANT is no type"),
        ("a INTERVAL DAY TO SECOND", "column 'a': INTERVAL is no type"),
        ("a ARRAY<STRUCT<b: INT, c: MAP<STRING, VARIANT>>>", "column 'a': VARIANT is no type"),
        ("a STRING COLLATE UNICODE", "column 'a': STRING COLLATE UNICODE is no type"),
        ("a INT, _Batch_ID STRING", "found _Batch_ID, which ingest.py adds itself; accepted: another name"),
    ],
)
def test_types_that_ingest_does_not_read(schema, said):
    text = f"input:\n  schema: '{schema}'\n"
    _, (problem,) = load(text, '["p/*.json"]')
    assert problem.startswith(f"p.yaml:3: input.schema: {said}")
    assert load(text, '["p/*.json"]', "job: {program: own.py}")[1] == []


def test_types_that_ingest_reads():
    schema = (
        "a TINYINT, b BIGINT NOT NULL, c DECIMAL(10,2), d STRING COMMENT 'a VOID', e BINARY, f VARCHAR(3), "
        "g TIMESTAMP_NTZ, h ARRAY<STRUCT<x: INT, y: MAP<STRING, DATE>>>, i STRUCT<>"
    )
    assert load(f'input: {{schema: "{schema}"}}', '["p/*.json"]')[1] == []


def test_rows_are_partitioned_by_single_values():
    text = 'input: {schema: "a INT, b ARRAY<INT>"}\noutput: {partition_by: [a, B]}'
    assert load(text, '["p/*.json"]')[1] == [
        "p.yaml:3: output.partition_by: found B, which holds other types; accepted: columns of one value"
    ]
