"""A job's files: brought from S3 to where the job looks for them."""

import shutil
import tarfile
from pathlib import Path

from sparkdrop_local.emr.jobs.options import CommandError
from sparkdrop_local.emr.storage import Storage, is_s3_uri

_EMR_SPARK = "/usr/lib/spark/"
_LOCAL_SCHEMES = ("file:", "local:")
_ELSEWHERE = ("hdfs:", "viewfs:", "har:", "wasb:", "gs:", "abfs:")


class JobFiles:
    """The files of one job.

    Args:
        storage: the S3 they come from.
        work: the folder that the job runs in.
        spark_home: what stands for EMR's ``/usr/lib/spark``; None where the job has no Spark.
    """

    def __init__(self, storage: Storage, work: Path, spark_home: Path | None = None) -> None:
        self._storage = storage
        self._work = work
        self._spark_home = spark_home

    def fetch(self, uri: str, folder: str = "") -> str:
        """Bring a file of S3 into a folder of the work folder; give its path, or what Spark fetches itself.

        Raises:
            CommandError: it lies in a file system that is not here.
            ClientError: it is not in S3.
        """
        if is_s3_uri(uri):
            return str(self._storage.download(uri, self._work / folder))
        if uri.startswith(_ELSEWHERE):
            raise CommandError("Unknown Error.", f"{uri}: that file system is not here; keep files in s3://")
        path = uri
        for scheme in _LOCAL_SCHEMES:
            if path.startswith(scheme):
                path = "/" + path.removeprefix(scheme).lstrip("/")
        if self._spark_home is not None and path.startswith(_EMR_SPARK):
            path = str(self._spark_home / path.removeprefix(_EMR_SPARK))
        return path

    def place(self, item: str) -> str:
        """Bring a file of ``--files`` into the work folder, under the name after ``#`` if it has one."""
        uri, _, name = item.partition("#")
        source = self.fetch(uri, "files")
        if "://" in source:
            return item  # Spark fetches it
        target = self._work / (name or Path(source).name)
        self._copy(source, target)
        return str(target)

    def unpack(self, item: str) -> None:
        """Unpack an archive of ``--archives`` into the work folder under its name or ``#name``, as YARN does.

        Raises:
            CommandError: it is not there, or no archive.
        """
        uri, _, name = item.partition("#")
        source = self.fetch(uri, "archives")
        target = self._work / (name or Path(source).name)
        try:
            if source.endswith((".zip", ".jar")):
                shutil.unpack_archive(source, target, "zip")
                return
            with tarfile.open(source) as archive:
                # not the filter "data": a packed Python links to the machine's
                archive.extractall(target, filter="tar")
        except (OSError, ValueError, tarfile.TarError, shutil.ReadError) as error:
            raise CommandError("Unknown Error.", f"{uri} cannot be unpacked: {error}") from error

    @staticmethod
    def _copy(source: str, target: Path) -> None:
        try:
            shutil.copy2(source, target)
        except shutil.SameFileError:
            return
        except OSError as error:
            raise CommandError("Unknown Error.", f"File {source} does not exist: {error.strerror}") from error
