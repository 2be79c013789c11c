import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.core.config import merge, parse_configs
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.errors import ConfigError
from sparkdrop.core.routing import Router

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
TWO_LINES = 'arrival:\n  keys: ["{name}/*.csv"]\n'


def load(text, *, defaults=None, lookup=lambda *_: None, **others):
    files = {"p.yaml": text, **{f"{name}.yaml": other for name, other in others.items()}}
    if defaults is not None:
        files["_defaults.yaml"] = defaults
    return parse_configs(files, lookup=lookup)


def problems(text, **settings):
    return load(text, **settings).errors["p.yaml"].problems


def only(text, **settings):
    found = problems(text, **settings)
    assert len(found) == 1, found
    return found[0]


def test_two_lines_are_a_working_pipeline():
    loaded = load(TWO_LINES.format(name="p"))
    assert loaded.errors == {}
    assert loaded.pipelines["p"].arrival.keys == ("p/*.csv",)


def test_defaults_lie_below():
    defaults = "owner: team\ntags: [a, b]\nbatch: {max_files: 7, max_wait: 5m}\n"
    text = TWO_LINES.format(name="p") + "tags: [c]\nbatch: {max_files: 3}\nretries:\n"
    pipeline = load(text, defaults=defaults).pipelines["p"]
    assert pipeline.owner == "team"
    assert pipeline.tags == ("c",)
    assert (pipeline.batch.max_files, pipeline.batch.max_wait.total_seconds()) == (3, 300)


@pytest.mark.parametrize(
    ("text", "path", "line", "message", "hint"),
    [
        ("arival: {keys: [a.csv]}", "arival", 1, "is no known key", "did you mean 'arrival'?"),
        ("name: x", "name", 1, "is no known key", "called what its file is called"),
        ("batch:\n  max_file: 3", "batch.max_file", 2, "max_bytes, max_files, max_wait", "'max_files'"),
        ("compute:\n  core_nodes:\n    mni: 3", "compute.core_nodes.mni", 3, "accepted here", "'min'"),
        ("batch:\n  max_files: many", "batch.max_files", 2, "found 'many'; accepted: a whole number", ""),
        ("batch: {max_files: 0}", "batch.max_files", 1, "accepted: 1 or more", ""),
        ("batch: {max_files: true}", "batch.max_files", 1, "true (a boolean)", ""),
        ("batch: {max_bytes: 10}", "batch.max_bytes", 1, "which has no unit", ""),
        ("batch: {max_wait: 5}", "batch.max_wait", 1, "which has no unit", ""),
        ("batch: {max_wait: 1:30}", "batch.max_wait", 1, "which has no unit", ""),
        ("upload: {max_bytes: 0 B}", "upload.max_bytes", 1, "accepted: more than 0 B and at most 5 TiB", ""),
        ("upload: {max_bytes: 6 TiB}", "upload.max_bytes", 1, "found 6 TiB; accepted: more than 0 B", ""),
        ("upload: {max_bytes: 5}", "upload.max_bytes", 1, "which has no unit", ""),
        ("upload: {groups: finance}", "upload.groups", 1, "found 'finance'; accepted: a list", ""),
        (
            "upload: {groups: [a, b c]}",
            "upload.groups[1]",
            1,
            "found 'b c'; accepted: a group of the user",
            "",
        ),
        ('upload: {viewers: ["a,b"]}', "upload.viewers[0]", 1, "found 'a,b'; accepted: a group", ""),
        ("upload: {viewers: [role/]}", "upload.viewers[0]", 1, "found 'role/'; accepted: a group", ""),
        ("upload: {viewers: [1]}", "upload.viewers[0]", 1, "accepted: text", ""),
        ("upload: {group: [a]}", "upload.group", 1, "accepted here: groups, max_bytes", "'groups'"),
        ("uploads: {groups: [a]}", "uploads", 1, "is no known key", "did you mean 'upload'?"),
        ("batch: 5", "batch", 1, "accepted: a mapping", ""),
        ("tags: flights", "tags", 1, "found 'flights'; accepted: a list", ""),
        ("tags: [a, 2]", "tags[1]", 1, "accepted: text", ""),
        ("owner: 2024-01-01", "owner", 1, "accepted: text", ""),
        ("job: {program: ../x.py}", "job.program", 1, "accepted: a .py or .jar file", ""),
        ("input: {schema: year INTT}", "input.schema", 1, "did you mean INT?", ""),
        (
            "input: {format: cvs}",
            "input.format",
            1,
            "'csv', 'json', 'parquet', 'avro', 'orc' or 'xml'",
            "did you mean 'csv'?",
        ),
        ("input:\n  schema: a INT\noutput:\n  partition_by: [b]", "output.partition_by", 4, "found b", ""),
        ("input:\n  schema: a INT\n  schema: b INT", "input.schema", 3, "twice, first at line 2", "keep one"),
        ("1: x", "", 1, "found the key '1'", 'write "1"'),
        ("arrival: [", "", 2, "is not YAML: line 2, column 1", ""),
        ("owner:\tx\n\tb: c", "", 2, "is not YAML: line 2", "use spaces"),
        ("owner: !!python/object:os.system x", "", 1, "is not YAML", ""),
        ("- a\n- b", "", 1, "found a list", ""),
        ("x: &a [*a]", "", None, "larger than 20000", ""),
        ("x: 2024-99-99", "", None, "is not YAML", ""),
        ("x: \x01", "", None, "is not YAML", ""),
    ],
)
def test_an_error_says_where_what_and_how(text, path, line, message, hint):
    whole = text if text.startswith(("arrival", "- ")) else f'{text}\narrival: {{keys: ["p/*.csv"]}}'
    found = problems(whole)[0]
    assert (found.file, found.path, found.line) == ("p.yaml", path, line)
    assert message in found.message
    assert hint in found.hint


def test_an_error_reads_as_a_sentence():
    error = load("batch:\n  max_files: many\n" + TWO_LINES.format(name="p")).errors["p.yaml"]
    assert str(error) == "p.yaml:2: batch.max_files: found 'many'; accepted: a whole number"


def test_all_errors_of_a_file_come_at_once():
    text = "owner: 3\nbatch: {max_wait: 5, max_fils: 2}\ncompute: {reuse: pool}\nschedule: daily\n"
    error = load(text).errors["p.yaml"]
    assert [problem.path for problem in error.problems if problem.line] == [
        "owner",
        "batch.max_wait",
        "batch.max_fils",
        "compute.reuse",
        "schedule",
    ]
    assert [problem.path for problem in error.problems if not problem.line] == ["arrival"]
    assert str(error).startswith("6 problems:\n  p.yaml: arrival: is missing; accepted: what lands")


def test_an_empty_file_says_what_two_lines_are_enough():
    assert "two lines are enough" in only("").message


def test_one_bad_file_costs_only_its_own_pipeline():
    loaded = load("arrival: [", good=TWO_LINES.format(name="good"), other=TWO_LINES.format(name="other"))
    assert list(loaded.pipelines) == ["good", "other"]
    assert list(loaded.errors) == ["p.yaml"]


def test_wrong_defaults_are_one_error_and_nothing_loads():
    loaded = load(TWO_LINES.format(name="p"), defaults="batch:\n  max_files: 0\nowne: x\n")
    assert loaded.pipelines == {}
    assert list(loaded.errors) == ["_defaults.yaml"]
    assert [problem.path for problem in loaded.errors["_defaults.yaml"].problems] == [
        "batch.max_files",
        "owne",
        "",
    ]


def test_a_clash_with_a_default_names_the_defaults():
    loaded = load(
        TWO_LINES.format(name="p") + "input: {schema: a INT}", defaults="output: {partition_by: [b]}"
    )
    assert [(found.file, found.path) for found in loaded.errors["p.yaml"].problems] == [
        ("_defaults.yaml", "output.partition_by")
    ]


@pytest.mark.parametrize("file", ["Flights-2.yaml", "maintenance.yaml", "2013.yaml"])
def test_a_file_is_called_as_a_pipeline_may_be(file):
    loaded = parse_configs({file: TWO_LINES.format(name="p")})
    assert loaded.pipelines == {}
    assert "try '" in str(loaded.errors[file])


def test_two_files_of_one_pipeline():
    loaded = parse_configs({"p.yaml": TWO_LINES.format(name="p"), "p.yml": TWO_LINES.format(name="q")})
    assert "also in p.yaml" in str(loaded.errors["p.yml"])


def test_overlapping_patterns_name_both_files():
    loaded = load("arrival:\n  keys:\n  - x/*.csv.gz\n  - x/a*.csv", q="arrival:\n  keys: ['x/*b.csv']")
    assert loaded.pipelines == {}
    first, second = loaded.errors["p.yaml"].problems[0], loaded.errors["q.yaml"].problems[0]
    assert (first.path, first.line) == ("arrival.keys[1]", 4)
    assert "'x/*b.csv' of q.yaml:2 can match the same object, as in 'x/ab.csv'" in first.message
    assert (second.path, second.line) == ("arrival.keys[0]", 2)
    assert "'x/a*.csv' of p.yaml:4" in second.message


def test_patterns_of_two_buckets_do_not_overlap():
    text = "arrival: {{keys: ['x/*.csv'], bucket: {bucket}}}"
    loaded = load(text.format(bucket="aaa"), q=text.format(bucket="bbb"), r="arrival: {keys: ['x/*.csv']}")
    assert list(loaded.pipelines) == ["p", "q", "r"]


def test_an_unknown_program_gets_the_nearest_one():
    files = {"p.yaml": TWO_LINES.format(name="p") + "job: {program: ingets.py}"}
    found = parse_configs(files, programs=["ingest.py"]).errors["p.yaml"].problems[0]
    assert (found.path, found.hint) == ("job.program", "did you mean 'ingest.py'?")
    assert parse_configs(files).errors == {}


DECLARED = """
variables:
  poll: {environment: POLL, type: duration, default: 15s}
  files: {airflow_variable: max files, type: integer}
  host: {environment: HOST}
"""


def declared(text):
    return DECLARED + text + TWO_LINES.format(name="p")


def test_variables_fill_whole_values():
    answers = {("environment", "POLL"): "2m", ("airflow_variable", "max files"): " 7 "}
    text = declared("compute: {poll_interval: '${poll}'}\nbatch: {max_files: '${files}'}\n")
    pipeline = load(text, lookup=lambda *name: answers.get(name)).pipelines["p"]
    assert (pipeline.compute.poll_interval.total_seconds(), pipeline.batch.max_files) == (120, 7)


def test_only_what_is_used_is_looked_up():
    asked = []
    text = declared("compute: {poll_interval: '${poll}', idle_timeout: '${poll}'}\n")
    found = only(text, lookup=lambda *name: asked.append(name))
    assert asked == [("environment", "POLL")]
    assert found.path == "compute.idle_timeout"  # 15s, the default, is too short


@pytest.mark.parametrize(
    ("use", "answer", "path", "message", "hint"),
    [
        ("owner: ${hots}", None, "owner", "found ${hots}, which is not declared", "${host}"),
        ("owner: ${host}", None, "variables.host", "HOST is not set, and there is no default", ""),
        ("owner: ${host}", "  ", "variables.host", "HOST is not set, and there is no default", ""),
        ("owner: a-${host}", "x", "owner", "a whole value, not for a part", ""),
        ("batch: {max_files: '${files}'}", "x7", "variables.files", "accepted: a whole number", ""),
        ("compute: {poll_interval: '${poll}'}", "soon", "variables.poll", "accepted: a duration", ""),
    ],
)
def test_what_variables_refuse(use, answer, path, message, hint):
    found = only(declared(use + "\n"), lookup=lambda *_: answer)
    assert found.path == path
    assert message in found.message
    assert hint in found.hint


@pytest.mark.parametrize(
    ("declaration", "path", "message"),
    [
        ("{environment: A, airflow_variable: B}", "variables.x", "one of environment and airflow_variable"),
        ("{type: integer}", "variables.x", "one of environment and airflow_variable"),
        ("{environment: A, type: int}", "variables.x.type", "'integer'"),
        ("{environment: A, type: integer, default: many}", "variables.x", "accepted: a whole number"),
        ("{environment: A, type: size, default: '3'}", "variables.x", "accepted: a size"),
        ("{environment: A, defualt: 3}", "variables.x.defualt", "is no known key"),
        ("A", "variables.x", "accepted: a mapping"),
    ],
)
def test_a_wrong_declaration_is_one_error(declaration, path, message):
    found = only(f"variables:\n  x: {declaration}\nowner: ${{x}}\n" + TWO_LINES.format(name="p"))
    assert (found.path, found.line) == (path, 2)
    assert message in found.message


def test_foreign_dollar_braces_are_left_alone():
    text = TWO_LINES.format(name="p") + "job: {spark: {spark.x: 'a-${env:HOME}-${user.dir}'}}"
    assert load(text).pipelines["p"].job.spark == {"spark.x": "a-${env:HOME}-${user.dir}"}


TREES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@given(MAPPINGS)
def test_merging_with_nothing_or_itself_changes_nothing(tree):
    assert merge(tree, {}) == tree
    assert merge({}, tree) == tree
    assert merge(tree, tree) == tree


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_merging_keeps_every_key_and_changes_no_input(one, two, three):
    before = repr((one, two))
    merged = merge(one, two)
    assert merged.keys() == one.keys() | two.keys()
    assert repr((one, two)) == before
    assert all(merged[key] == value for key, value in two.items() if not isinstance(value, dict))
    assert merge(merge(one, two), three).keys() == merge(one, merge(two, three)).keys()


@given(st.text(max_size=60))
def test_no_text_raises(text):
    loaded = load(text)
    assert len(loaded.pipelines) + len(loaded.errors) == 1


def test_keys_are_routed():
    pipelines = load(
        "arrival: {keys: ['p/*.csv', '**/p.json'], bucket: aaa}\ninput: {format: csv}",
        q="arrival: {keys: ['p/*.csv']}",
        r="arrival: {keys: ['**/r.json']}",
    )
    router = Router(pipelines.pipelines.values(), uploads_bucket="ours")
    assert pipelines.errors == {}
    assert router.route("ours", "p/a.csv") == "q"
    assert router.route("ours", f"p/{ULID}/a b+%20.csv") == "q"
    assert router.route("aaa", "p/a.csv") == "p"
    assert router.route("aaa", "x/y/p.json") == "p"
    assert router.route("ours", "x/y/r.json") == "r"
    assert router.route("ours", "p/a.CSV") is None
    assert router.route("theirs", "p/a.csv") is None


def test_deployment_names_every_missing_variable_at_once():
    with pytest.raises(ConfigError) as caught:
        Deployment.from_environment({"SPARKDROP_LEDGER_TABLE": "t", "SPARKDROP_UPLOADS_BUCKET": " "})
    assert [problem.path for problem in caught.value.problems] == [
        "SPARKDROP_UPLOADS_BUCKET",
        "SPARKDROP_CURATED_BUCKET",
        "SPARKDROP_ARTIFACTS_BUCKET",
        "SPARKDROP_LOGS_BUCKET",
        "SPARKDROP_ARRIVALS_QUEUE_URL",
        "SPARKDROP_EMR_SERVICE_ROLE",
        "SPARKDROP_EMR_INSTANCE_PROFILE",
    ]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"PRIMARY"}, ["CORE"]),
        ({"CORE", "SERVICE_ACCESS"}, ["PRIMARY"]),
        ({"SERVICE_ACCESS"}, ["PRIMARY", "CORE"]),
        ({"PRIMARY", "CORE"}, []),
        ({"PRIMARY", "CORE", "SERVICE_ACCESS"}, []),
        (set(), []),
    ],
)
def test_security_groups_of_emr_go_together(given, missing):
    required = {
        f"SPARKDROP_{name.upper()}": name
        for name, info in Deployment.model_fields.items()
        if info.is_required()
    }
    groups = {f"SPARKDROP_EMR_{role}_SECURITY_GROUP": "sg-1" for role in given}
    fields = {
        name.removeprefix("SPARKDROP_").lower(): value for name, value in {**required, **groups}.items()
    }
    if not missing:
        assert Deployment.from_environment({**required, **groups}) == Deployment(**fields)
        return
    with pytest.raises(ConfigError) as caught:
        Deployment.from_environment({**required, **groups})
    names = [f"SPARKDROP_EMR_{role}_SECURITY_GROUP" for role in missing]
    assert [problem.path for problem in caught.value.problems] == names
    with pytest.raises(ValueError, match=", ".join(names).lower().replace("sparkdrop_", "")):
        Deployment(**fields)


def test_a_value_of_a_deployment_that_cannot_be_read_is_named():
    required = {
        f"SPARKDROP_{name.upper()}": name
        for name, info in Deployment.model_fields.items()
        if info.is_required()
    }
    with pytest.raises(ConfigError) as caught:
        Deployment.from_environment({**required, "SPARKDROP_REAP_AFTER": "ten minutes"})
    (problem,) = caught.value.problems
    assert problem.path == "SPARKDROP_REAP_AFTER"
    assert "'ten minutes'" in problem.message
    assert "15s" in problem.message or "30m" in problem.message


def test_deployment_round_trips():
    required = {
        f"SPARKDROP_{name.upper()}": name
        for name, info in Deployment.model_fields.items()
        if info.is_required()
    }
    deployment = Deployment.from_environment({**required, "PATH": "/bin", "SPARKDROP_EMR_SUBNET_ID": ""})
    assert (deployment.emr_subnet_id, deployment.config_dir) == (None, "include/emr_configs")
    assert Deployment.from_environment(deployment.to_environment()) == deployment
