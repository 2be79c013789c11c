"""The fault matrix: schedules of uploads and faults, drawn from a seed, and what must hold after each.

::

    drawing.py    seed -> schedule: what is dropped, and what goes wrong, at which second; pure
    dropping.py   the files, and the model of what must come out of each
    injuries.py   does a fault to a running system; victims.py finds and hurts its processes
    running.py    runs one schedule, and watches it from outside
    facts.py      reads what there is afterwards: ledger, API, S3, EMR, dead letters
    verdict.py    the promises, checked against the facts; recovery.py measures; both pure
    table.py      the figures of many schedules, per kind of fault

``make faults`` runs many (``python -m tests.faults --help``), and ``tests/e2e/test_fault_schedule.py`` one.

In the table *count* is how often a fault struck, *missed* how often there was nothing to strike; *lost*,
*doubled*, *wrong*, *orphan* and *late* are broken promises, each in the line of every fault that was there
meanwhile, and once in the last line. Recovery is of each upload that lived through a fault: from the end of
the last fault to the upload's own, without the time in which a step of its pipeline ran.
"""
