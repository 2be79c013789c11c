"""Files of public data packages, run through the ingest program and compared whole with another reader."""
