"""Settings of the local EMR from an environment, and what it says of those that make no sense."""

import pytest

from sparkdrop_local.emr import NO_DELAYS, Delays, EmrSettings
from sparkdrop_local.emr.settings import SettingsError


def test_an_environment_without_settings_is_the_local_default(tmp_path):
    settings = EmrSettings.from_environment(tmp_path, {})
    assert settings == EmrSettings(scratch_dir=tmp_path, state_file=tmp_path / "state.sqlite")


def test_every_setting_is_taken(tmp_path):
    settings = EmrSettings.from_environment(
        tmp_path,
        {
            "SPARKDROP_LOCAL_EMR_DELAYS": "none",
            "SPARKDROP_LOCAL_EMR_CLOCK_RATE": "60",
            "SPARKDROP_LOCAL_EMR_STEP_MEMORY_MIB": "512",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "key",
            "HOME": "/home/me",
        },
    )
    assert settings.delays == NO_DELAYS
    assert (settings.clock_rate, settings.step_memory_bytes) == (60.0, 512 * 1024 * 1024)
    assert (settings.endpoint_url, settings.region) == ("http://127.0.0.1:5000", "eu-west-1")
    assert settings.environment == {"AWS_ACCESS_KEY_ID": "key", "AWS_DEFAULT_REGION": "eu-west-1"}


@pytest.mark.parametrize(
    ("text", "delays"),
    [
        ("none", NO_DELAYS),
        ("local", Delays()),
        ("9", Delays(starting=4.5, bootstrapping=4.5)),
        ("0", Delays(starting=0, bootstrapping=0)),
    ],
)
def test_delays_are_named_or_seconds_to_a_ready_cluster(text, delays):
    assert Delays.parse(text) == delays


def test_real_delays_are_minutes():
    real = Delays.parse("real")
    assert 180 <= real.starting + real.bootstrapping <= 900
    assert real.logs == 300


@pytest.mark.parametrize(
    ("name", "takes", "values"),
    [
        ("DELAYS", "none, local, real or seconds", ("soon", "-1", "nan", "inf", "1s", "NONE")),
        ("CLOCK_RATE", "a number, 0 to 1000000", ("fast", "-1", "nan", "inf", "1000001")),
        ("STEP_MEMORY_MIB", "MiB, 1 or more", ("4G", "0", "-1", "1.5")),
    ],
)
def test_what_makes_no_sense_is_one_line_that_says_what_does(tmp_path, name, takes, values):
    for value in values:
        with pytest.raises(SettingsError) as refused:
            EmrSettings.from_environment(tmp_path, {f"SPARKDROP_LOCAL_EMR_{name}": value})
        assert str(refused.value) == f"SPARKDROP_LOCAL_EMR_{name}={value}: give {takes}"
