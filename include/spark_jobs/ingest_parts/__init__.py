"""The parts of the program ``ingest.py``; they ship with it as one zip.

================ =========================================================================
``manifest``     what is asked for
``sources``      where each file's bytes are, and whether they are still those
``heads``        what the first bytes of a file tell
``inspection``   the look at every file, before Spark reads
``loading``      Spark's pass, in order: ``reading``, ``writing``, ``rejects``
``verdicts``     which files are at fault when the pass fails
``report``       what is told of every row and file
``hadoop``       the storage under it all
``faults``       the program's two errors
================ =========================================================================
"""
