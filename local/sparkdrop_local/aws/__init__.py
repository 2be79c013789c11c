"""AWS on this machine: one process, loopback only, deployed from the CDK app's own templates.

::

    python -m sparkdrop_local.aws --home DIR [--port N]

    templates.py    synthesizes the CDK app once per content of ``infra/``
    application.py  moto, mended, as one WSGI application
    server.py       the threads and the socket before it
    channel.py      what moto has to know of a request beyond WSGI
    s3_guard/       what S3 does about links and browsers, which moto does not
    moto_fixes/     where moto differs from AWS in what Sparkdrop relies on
    deployment.py   CloudFormation stacks from the templates
    completion.py   what moto's CloudFormation drops, set through the services' own APIs
"""
