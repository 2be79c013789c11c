"""The REST API, the sign-in and the page on one machine, in a process of its own.

What CloudFormation would make of API Gateway, Lambda, CloudFront and Cognito's hosted pages, made here of the
very templates and code; the users themselves are in the AWS emulation, as buckets and tables are.

::

    application.py     which path goes where
    gateway.py         /api: API Gateway, as its template says: authorizer, checks, preflight, refusals
    rest_api.py        the API as its template describes it
    velocity.py        the little of VTL that its mock integrations speak
    authorizer.py      who calls: the user pool's tokens
    events.py          what a function gets and gives: the REST proxy integration
    functions.py       the functions' own code, in this process
    references.py      what a template's references mean in this deployment
    sign_in.py         /oauth2 and /login: Cognito's pages and endpoints, code flow with PKCE
    sign_in_pages.py   its HTML
    user_pool.py       the pool in the emulation, and its tokens
    page.py            /: the built page
    page_headers.py    with the headers that its template has CloudFront send
    preparation.py     what a deployment needs once: the page's origin, a user, the catalog
"""

from __future__ import annotations
