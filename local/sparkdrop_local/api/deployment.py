"""From the templates and what the emulation made of them to the application."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparkdrop_local.api.application import API_PREFIX, Application
from sparkdrop_local.api.authorizer import Authorizer
from sparkdrop_local.api.functions import (
    PACKAGE,
    Functions,
    import_package,
    load_handler,
    merge_environments,
)
from sparkdrop_local.api.gateway import Gateway
from sparkdrop_local.api.page import Page
from sparkdrop_local.api.page_headers import read_page_headers
from sparkdrop_local.api.preparation import CatalogPublisher, admit_origins, admit_sign_ins, ensure_user
from sparkdrop_local.api.references import References, read_exports
from sparkdrop_local.api.rest_api import read_rest_api
from sparkdrop_local.api.sign_in import SignIn
from sparkdrop_local.api.user_pool import UserPool, import_keys
from sparkdrop_local.aws.clients import Clients
from sparkdrop_local.aws.errors import EmulationError
from sparkdrop_local.aws.templates import find_repository, load_templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sparkdrop_local.aws.templates import StackTemplate
    from sparkdrop_local.system import Login

# the functions allow a page of these origins, as the settings' origins are in AWS
CORS_VARIABLE = "SPARKDROP_CORS_ORIGINS"


@dataclass(frozen=True, slots=True)
class DeployedApi:
    """The API, ready to be served.

    Attributes:
        application: What answers.
        url: Where the API will be.
        publisher: Publishes the catalog again when pipeline files change.
    """

    application: Application
    url: str
    publisher: CatalogPublisher


def deploy(endpoint_url: str, *, configs: Path, port: int, login: Login | None = None) -> DeployedApi:
    """Build the API, and prepare the deployment for its page.

    Args:
        endpoint_url: Where the AWS emulation is.
        configs: The pipeline files.
        port: Where the page will be, on 127.0.0.1.
        login: A user to make; None makes none.

    Raises:
        EmulationError: A template asks for what is not known here.
    """
    # as a person's: the functions alone call as the API
    clients = Clients(endpoint_url)
    templates = load_templates()
    origins = (f"http://127.0.0.1:{port}", f"http://localhost:{port}")
    pool = find_pool(clients, templates)
    api = read_rest_api(_find(templates, "ApiStack"), References(templates, read_exports(clients)))
    repository = find_repository()
    publisher = CatalogPublisher(
        clients,
        os.environ["SPARKDROP_ARTIFACTS_BUCKET"],
        configs=configs,
        jobs=Path(os.environ.get("SPARKDROP_JOBS_DIR", repository / "include" / "spark_jobs")),
    )
    publisher.publish()
    admit_origins(clients, os.environ["SPARKDROP_UPLOADS_BUCKET"], origins)
    admit_sign_ins(clients, pool, origins)
    if login is not None:
        ensure_user(clients, pool.pool_id, login)
    environment = merge_environments(api.functions)
    os.environ.update({**environment, CORS_VARIABLE: _join(environment.get(CORS_VARIABLE), origins)})
    # only now: the package reads its environment, and libraries of its own
    import_package(repository / PACKAGE)
    for function in api.functions:
        load_handler(function.handler)
    authorizer = Authorizer(import_keys(pool.read_keys()), issuer=pool.issuer, client_id=pool.client_id)
    application = Application(
        gateway=Gateway(api, authorizer, Functions(load_handler)),
        sign_in=SignIn(pool),
        page=Page(read_page_headers(_find(templates, "WebStack"), endpoint_url)),
        origins=origins,
        client_id=pool.client_id,
    )
    return DeployedApi(application, f"{origins[0]}{API_PREFIX}", publisher)


def find_pool(clients: Clients, templates: Sequence[StackTemplate]) -> UserPool:
    """The pool that the stack of users has made."""
    name = _find(templates, "UsersStack").name
    (stack,) = clients("cloudformation").describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return UserPool(clients, outputs["UserPoolId"], outputs["UserPoolClientId"])


def _find(templates: Iterable[StackTemplate], stack: str) -> StackTemplate:
    for template in templates:
        if template.id == stack:
            return template
    raise EmulationError(f"the CDK app has no {stack} in stage dev, and the local API needs it")


def _join(there: str | None, origins: Iterable[str]) -> str:
    return ",".join([*filter(None, [there]), *origins])
