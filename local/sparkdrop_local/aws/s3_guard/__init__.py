"""What S3 does about links and browsers, before moto, which does none of it.

``S3Guard(wrapped, account)`` is a WSGI app. A request whose query is signed reaches ``wrapped`` only as S3
would take it; an answer to a page in a browser has the headers that the bucket's CORS rules give it, and no
others. Every other request goes through untouched: clients that sign their headers are trusted.

===============  =================================================================================
``app``          HTTP: which requests are concerned, and what they are answered
``incoming``     a request as it arrived, undone of what WSGI makes of it
``signatures``   a signed query: its parameters, its time, its headers, its signature
``permissions``  what the role that signed may do
``bodies``       checksums that a request names, and what its body has
``cors``         a bucket's CORS rules (pure)
``account``      keys, roles and buckets, as moto holds them
``errors``       S3's errors
===============  =================================================================================

Not judged: conditions of IAM policies, grants of KMS keys, bucket policies (moto's own code does those that
have no condition), requests without any signature.
"""

from sparkdrop_local.aws.s3_guard.app import S3Guard

__all__ = ["S3Guard"]
