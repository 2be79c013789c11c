"""The parts of the program ``ingest.py``; they ship with it as one zip.

What runs in the driver:

================== =======================================================================
``manifest``       what is asked for; ``dialect`` and ``declared`` are its details
``sources``        one file of the batch, and the parts in which it is read
``inspection``     the look at every file, before any task reads
``agreement``      the columns that the batch is read to; ``columns`` compares names
``planning``       which task reads what
``passes``         tasks run until every file has its verdict and every column its type
``gathering``      many small files of partitions become few; ``merging`` does it
``report``         what is told of every row and file
================== =======================================================================

What runs in the tasks:

================== =======================================================================
``task``           the order of one task's work
``rows``           the reader of a part: ``csv_*``, ``json_*``, ``xml_*``, ``parquet_rows``,
                   ``orc_rows``, ``avro_*``, each with a count that is not its parser's
``text_stream``    text as UTF-8: ``charset_stream`` under ``compression``
``blocks``         what a reader gives
``fitting``        blocks become rows and rejects
``casting``        text to types: ``text_shapes`` proves, ``text_values`` judges; ``typed_*`` for
                   typed files, ``json_values`` for objects and arrays
``inference``      the types that values show
``writing``        files of rows and their folders; ``encoding_*``, ``partitioning``, ``record_counts``
``reject_lines``   the records that do not fit
================== =======================================================================

``store`` and ``committing`` are under both: objects and files, and files that show up as a whole.
``faults`` are the program's errors.
"""
