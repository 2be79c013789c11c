"""`python -m sparkdrop_local`: the `local` commands alone, which is also how a detached system is started."""

from sparkdrop_local.cli import app

app(prog_name="sparkdrop local")
