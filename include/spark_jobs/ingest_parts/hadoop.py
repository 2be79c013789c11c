"""Files through Hadoop's FileSystem API: ``s3://``, ``hdfs://`` and ``file://`` are the same here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from py4j.protocol import Py4JError, Py4JJavaError

from ingest_parts.faults import IngestError, Unreadable, first_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JavaObject = Any  # what py4j hands out: an object of the JVM, known by its Java documentation only

# One CopyObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
COPY_LIMIT_BYTES = 5 * 1024**3


class Storage:
    """Files through Hadoop's FileSystem API, with the cluster's own connectors and credentials."""

    def __init__(self, spark: SparkSession) -> None:
        # PySpark has no public way to Hadoop's FileSystem; these two attributes are what everyone uses.
        self._jvm: JavaObject = cast("JavaObject", spark._jvm)  # noqa: SLF001
        self._conf: JavaObject = spark.sparkContext._jsc.hadoopConfiguration()  # noqa: SLF001
        self._path: JavaObject = self._jvm.org.apache.hadoop.fs.Path

    def path(self, uri: str) -> JavaObject:
        """Hadoop's Path of a raw (not URL-encoded) URI."""
        return self._path(uri)

    def source_path(self, entry: dict[str, Any]) -> JavaObject:
        """The Path of a manifest entry; ``uri``, where given, stands in for bucket and key."""
        if entry.get("uri"):
            return self._path(str(entry["uri"]))
        return self._path("s3", str(entry["bucket"]), f"/{entry['key']}")

    def system(self, path: JavaObject) -> JavaObject:
        """The FileSystem that serves the path."""
        return path.getFileSystem(self._conf)

    def status(self, path: JavaObject) -> JavaObject:
        """The file's status, or None where there is no such file (a folder is none)."""
        try:
            status = self.system(path).getFileStatus(path)
        except Py4JJavaError as error:
            if "FileNotFoundException" in str(error.java_exception.getClass().getName()):
                return None
            raise
        return None if status.isDirectory() else status

    def read_at(self, status: JavaObject, start: int, count: int) -> bytes:
        """Some bytes of a file, by one ranged request where the store knows such."""
        path = status.getPath()
        builder = self.system(path).openFile(path).withFileStatus(status)
        stream = builder.opt("fs.option.openfile.read.policy", "random").build().get()
        try:
            stream.seek(start)
            return bytes(stream.readNBytes(count))
        finally:
            stream.close()

    def parquet_schema(self, status: JavaObject) -> str:
        """The schema in a Parquet file's footer, as Parquet spells it.

        Raises:
            Unreadable: the footer cannot be read.
        """
        source = self._jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromStatus(status, self._conf)
        try:
            reader = self._jvm.org.apache.parquet.hadoop.ParquetFileReader.open(source)
        except Py4JJavaError as error:
            raise Unreadable(f"its Parquet footer cannot be read: {first_line(error)}") from error
        try:
            return str(reader.getFileMetaData().getSchema().toString())
        finally:
            reader.close()

    def decompress(self, path: JavaObject) -> str | None:
        """Read a compressed file to its end with the codec Spark would take; what is wrong with it, or None.

        None also for a file that no codec claims: then there is nothing to verify.
        """
        codec = self._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(self._conf).getCodec(path)
        if codec is None:
            return None
        stream = self.system(path).open(path)
        try:
            sink = self._jvm.java.io.OutputStream.nullOutputStream()
            self._jvm.org.apache.hadoop.io.IOUtils.copyBytes(codec.createInputStream(stream), sink, 65536)
        except Py4JJavaError as error:
            name = error.java_exception.getClass().getName()
            if name in {"java.io.EOFException", "java.util.zip.ZipException", "java.io.IOException"}:
                return str(error.java_exception.getMessage())
            raise
        finally:
            stream.close()
        return None

    def read_text(self, uri: str) -> str:
        """The file's content as UTF-8."""
        path = self._path(uri)
        stream = self.system(path).open(path)
        try:
            return bytes(stream.readAllBytes()).decode()
        finally:
            stream.close()

    def write_text(self, uri: str, text: str) -> None:
        """Write the file whole, in place of what was there."""
        path = self._path(uri)
        stream = self.system(path).create(path, True)  # noqa: FBT003  Java's own signature
        try:
            stream.write(text.encode())
        finally:
            stream.close()

    def delete(self, uri: str) -> None:
        """Remove the file or folder, if it is there."""
        path = self._path(uri)
        self.system(path).delete(path, True)  # noqa: FBT003  Java's own signature

    def stage(self, entry: dict[str, Any], source: JavaObject, target: JavaObject) -> None:
        """Copy the bytes that the upload named to where Spark can read them; S3 copies on its own side.

        Raises:
            Unreadable: the named version is gone, or too big for one copy.
        """
        system = self.system(source)
        if entry.get("uri"):
            util = self._jvm.org.apache.hadoop.fs.FileUtil
            util.copy(system, source, self.system(target), target, False, self._conf)  # noqa: FBT003  Java's
            return
        if "S3A" not in system.getClass().getName():
            raise IngestError(
                "Reading an older version of an object needs Hadoop's S3A connector (EMR 7.10 or later)."
            )
        if int(entry.get("bytes") or 0) > COPY_LIMIT_BYTES:
            raise Unreadable(
                "it was overwritten before its run, and is too big (over 5 GiB) to fetch the old version"
            )
        request = self._jvm.software.amazon.awssdk.services.s3.model.CopyObjectRequest.builder()
        request = request.sourceBucket(str(entry["bucket"])).sourceKey(str(entry["key"]))
        if entry.get("version_id"):
            request = request.sourceVersionId(str(entry["version_id"]))
        uri = target.toUri()
        request = request.destinationBucket(uri.getHost()).destinationKey(uri.getPath().lstrip("/")).build()
        try:
            system.getS3AInternals().getAmazonS3Client("copy of a named version").copyObject(request)
        except Py4JJavaError as error:
            if _status_code(error) in {400, 404, 405}:  # a malformed or unknown version, a delete marker
                raise Unreadable("it was deleted before its run") from error
            raise


def _status_code(error: Py4JJavaError) -> int | None:
    """The HTTP status of an AWS SDK error, None for any other error."""
    if "awssdk" not in error.java_exception.getClass().getName():
        return None
    try:
        return int(error.java_exception.statusCode())
    except Py4JError:
        return None
