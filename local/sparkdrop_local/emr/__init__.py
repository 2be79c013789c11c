"""EMR on EC2 whose steps really run: a WSGI app that stands before the AWS emulation and answers EMR's calls.

``EmrApp(wrapped, settings)`` answers the EMR operations that it knows and hands every other request to the
app it wraps. How it is made:

======================  ===========================================================================
``app``                 HTTP: which requests are EMR's, and EMR's JSON on the wire
``wire``                requests checked against botocore's own model of EMR; answers as JSON
``operations``          one function an operation, found by its name; add one there
``records``, ``words``  clusters and steps, and what EMR says of their states
``registry``            all clusters of one EMR, and the lock over them
``lifecycle``           a cluster's way from STARTING to TERMINATED, and its queue of steps
``execution``           one step as a process: started, awaited, stopped
``commands``            what a step's HadoopJarStep asks to run (pure)
``failures``            why a step failed, read from its logs (pure)
``logs``, ``storage``   step logs under LogUri; programs and logs in S3
======================  ===========================================================================
"""

from sparkdrop_local.emr.app import EmrApp
from sparkdrop_local.emr.settings import EmrSettings

__all__ = ["EmrApp", "EmrSettings"]
