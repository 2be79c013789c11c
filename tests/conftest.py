"""What all tests share."""

from hypothesis import HealthCheck, settings

# Time is measured in bench/ and asserted nowhere: a machine with other work to do is slow, not wrong.
settings.register_profile("sparkdrop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sparkdrop")
