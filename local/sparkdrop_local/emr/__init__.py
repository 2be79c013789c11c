"""EMR whose steps really run: a WSGI app that stands before an AWS emulation and answers EMR's calls.

``EmrApp(wrapped, settings)`` answers the operations that it knows and hands every other request to the app
it wraps. It knows nothing of pipelines. How it is made:

===================  ==============================================================================
``app``              which service answers a request
``ec2``              EMR on EC2: clusters, their way and their steps; one function an operation
``serverless``       EMR Serverless: applications and their job runs
``jobs``             what both run: commands, processes, logs, why one failed
``context``          what all share: the lock, ``clock``, ``store``, ``storage``, ``faults``, ``events``
``wire``, ``http``   requests checked against botocore's own model; answers as its parsers read them
===================  ==============================================================================
"""

from sparkdrop_local.emr.app import EmrApp
from sparkdrop_local.emr.settings import NO_DELAYS, Delays, EmrSettings

__all__ = ["NO_DELAYS", "Delays", "EmrApp", "EmrSettings"]
