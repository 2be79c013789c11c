"""The app: ``python -m infra.app [--stage dev] [--output DIR]`` writes the templates of every stack.

It reads the stage's settings file and the feature flags of ``cdk.json``, calls no AWS, needs no Docker: the
same commit gives the same templates, byte by byte. The CDK CLI starts it as ``cdk.json`` says, and passes its
context (``-c stage=dev -c destroy-data=dev``) and its output folder through the environment. There
Python runs with ``-P``: in this folder ``constructs`` is ours and would hide the library of that name.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import infra  # chooses jsii's Node, so it comes before aws_cdk

# isort: split
import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.settings.model import SETTINGS_DIR, StageSettings, load_settings
from infra.stacks.airflow_access import AirflowAccessStack
from infra.stacks.api_gw import ApiStack
from infra.stacks.ecr import EcrStack
from infra.stacks.emr.development import EMRStack
from infra.stacks.emr.roles import EMRRolesStack
from infra.stacks.emr.serverless import EMRServerlessStack
from infra.stacks.events import EventsStack
from infra.stacks.invoke.lambda_stack import InvokeStack
from infra.stacks.invoke.uploads_stack import UploadsStack
from infra.stacks.network import NetworkStack
from infra.stacks.s3 import S3Stack
from infra.stacks.users import UsersStack
from infra.stacks.web import WebStack
from infra.tools.errors import ToolError
from sparkdrop.core.errors import ConfigError, Problem

DEFAULT_STAGE = "dev"


def load_feature_flags() -> dict[str, Any]:
    """The context of ``cdk.json``, which the CDK CLI would pass: a synthesis without the CLI has to match."""
    text = Path(infra.__file__).with_name("cdk.json").read_text(encoding="utf-8")
    context: dict[str, Any] = json.loads(text)["context"]
    return context


def build_app(
    *,
    stage: str | None = None,
    output: Path | None = None,
    context: dict[str, str] | None = None,
    settings_dir: Path = SETTINGS_DIR,
) -> cdk.App:
    """Wire the stacks of a stage; nothing is written before ``synth()``.

    Args:
        stage: Stem of the settings file; None takes the context value ``stage``, then "dev".
        output: Folder for the templates; None takes CDK_OUTDIR, then a temporary folder.
        settings_dir: Where the settings files lie.
        context: Values on top of those of ``cdk.json``, as ``-c`` gives them.

    Raises:
        ConfigError: The settings cannot be used, or ``destroy-data`` names another stage.
    """
    app = cdk.App(
        outdir=None if output is None else str(output),
        context={**load_feature_flags(), **(context or {})},
        analytics_reporting=False,
        auto_synth=False,
    )
    settings = load_settings(stage or app.node.try_get_context("stage") or DEFAULT_STAGE, settings_dir)
    policy = choose_removal_policy(settings, confirmed=app.node.try_get_context("destroy-data"))
    _wire(app, settings, policy)
    tags = {"stage": settings.stage, "owner": settings.owner, "cost-centre": settings.cost_centre}
    for key, value in tags.items():
        cdk.Tags.of(app).add(key, value)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _wire(app: cdk.App, settings: StageSettings, removal_policy: cdk.RemovalPolicy) -> None:
    """Create the stacks, each with what it takes from those before it."""
    storage = S3Stack(app, "S3Stack", settings=settings, removal_policy=removal_policy)
    buckets = storage.buckets
    clusters = NetworkStack(app, "NetworkStack", settings=settings, buckets=buckets).clusters
    events = EventsStack(
        app, "EventsStack", settings=settings, removal_policy=removal_policy, uploads=buckets.uploads
    )
    EcrStack(app, "EcrStack", settings=settings, removal_policy=removal_policy)
    emr_roles = EMRRolesStack(app, "EMRRolesStack", settings=settings, buckets=buckets)
    EMRServerlessStack(app, "EMRServerlessStack", settings=settings, buckets=buckets, clusters=clusters)
    if settings.emr.development_cluster:
        EMRStack(
            app,
            "EMRStack",
            settings=settings,
            buckets=buckets,
            clusters=clusters,
            ledger=events.ledger,
            roles=emr_roles.roles,
            security_configuration=emr_roles.security_configuration,
        )
    _wire_api(app, settings, removal_policy, storage, events)
    AirflowAccessStack(
        app,
        "AirflowAccessStack",
        settings=settings,
        buckets=buckets,
        arrivals=events.arrivals,
        ledger=events.ledger,
        roles=emr_roles.roles,
    )


def _wire_api(
    app: cdk.App,
    settings: StageSettings,
    removal_policy: cdk.RemovalPolicy,
    storage: S3Stack,
    events: EventsStack,
) -> None:
    """Create what people and programs outside of AWS see: the API, its functions, its users, its page."""
    invoke = InvokeStack(
        app,
        "InvokeStack",
        settings=settings,
        buckets=storage.buckets,
        arrivals=events.arrivals,
        ledger=events.ledger,
        alerts=events.alerts,
    )
    uploads = UploadsStack(
        app,
        "UploadsApiStack",
        settings=settings,
        buckets=storage.buckets,
        upload_role=storage.upload_role,
        arrivals=events.arrivals,
        ledger=events.ledger,
        alerts=events.alerts,
    )
    users = None
    if settings.api.authorizer == "cognito":
        users = UsersStack(app, "UsersStack", settings=settings, removal_policy=removal_policy).users
    api = ApiStack(
        app,
        "ApiStack",
        settings=settings,
        removal_policy=removal_policy,
        invoke=invoke.function,
        uploads=uploads.function,
        alerts=events.alerts,
        users=users.pool if users else None,
    )
    if settings.web.enabled and users:
        WebStack(
            app,
            "WebStack",
            settings=settings,
            removal_policy=removal_policy,
            uploads=storage.buckets.uploads,
            api_url=api.url,
            users=users,
        )


def choose_removal_policy(settings: StageSettings, *, confirmed: str | None) -> cdk.RemovalPolicy:
    """RETAIN, unless the settings file and the command line both say that data may be destroyed.

    Raises:
        ConfigError: The command line names a stage whose settings do not allow it.
    """
    if confirmed is None:
        return cdk.RemovalPolicy.RETAIN
    if settings.destroy_data and confirmed == settings.stage:
        return cdk.RemovalPolicy.DESTROY
    raise ConfigError(
        Problem(
            file=f"{settings.stage}.yaml",
            path="destroy_data",
            message=f"context says destroy-data={confirmed}, but stage {settings.stage!r} does not allow it",
            hint="set destroy_data: true in the settings file, and name that stage on the command line",
        )
    )


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.app", description="Write the templates of every stack; calls no AWS."
    )
    parser.add_argument(
        "--stage", help="stem of a file in infra/settings/ (default: context `stage`, then dev)"
    )
    parser.add_argument("--output", type=Path, help="folder for the templates (default: CDK_OUTDIR)")
    parser.add_argument("--settings", type=Path, default=SETTINGS_DIR, help="folder of the settings files")
    parser.add_argument(
        "--destroy-data",
        metavar="STAGE",
        help="the second switch that lets a deletion of the stacks delete their data; the first is in the"
        " settings file",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Synthesize; 1 where settings cannot be used, a function not be packed, or a template has findings."""
    options = parse_arguments(arguments)
    context = {"destroy-data": options.destroy_data} if options.destroy_data else None
    try:
        build_app(
            stage=options.stage, output=options.output, context=context, settings_dir=options.settings
        ).synth()
    except ConfigError as error:
        for problem in error.problems:
            sys.stderr.write(f"error: {problem}\n")
        return 1
    except ToolError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except RuntimeError as error:
        # the findings are in it, or CDK has printed them; jsii adds only a stack of calls
        kind, _, report = str(error).partition(": ")
        if kind != "ValidationFailed":
            raise
        sys.stderr.write(f"{report}\nerror: the templates have findings: mend or acknowledge each\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
