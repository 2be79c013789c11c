"""``python -m sparkdrop``: the command, where the package is on the path but not installed: in the image."""

from sparkdrop.cli.main import app

if __name__ == "__main__":
    app(prog_name="sparkdrop")
