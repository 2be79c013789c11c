"""What the deployment needs before its page can be used: the page's origin, a user, the catalog of pipelines.

In AWS the settings name the origins, an administrator invites users, and whoever deploys publishes. Here
the port is known only now, so the origin is added to what the templates have made, through the services'
own APIs.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.configs import list_files, load_configs

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable
    from pathlib import Path

    from sparkdrop_local.api.user_pool import UserPool
    from sparkdrop_local.aws.clients import Clients
    from sparkdrop_local.system import Login

log = logging.getLogger(__name__)
_POLL_SECONDS = 2.0
# a client's settings that its description has beside those that an update takes
_NOT_SETTABLE = {"ClientSecret", "CreationDate", "LastModifiedDate"}


def admit_origins(clients: Clients, bucket: str, origins: Iterable[str]) -> None:
    """Let pages of these origins upload: every rule of the bucket's CORS names them, too."""
    s3 = clients("s3")
    rules = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    for rule in rules:
        rule["AllowedOrigins"] = _merge(rule["AllowedOrigins"], origins)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


def admit_sign_ins(clients: Clients, pool: UserPool, origins: Iterable[str]) -> None:
    """Let users sign in from pages of these origins, and sign out to them."""
    client: dict[str, Any] = {
        name: value for name, value in pool.describe_client().items() if name not in _NOT_SETTABLE
    }
    addresses = [f"{origin}/" for origin in origins]
    for name in ("CallbackURLs", "LogoutURLs"):
        client[name] = _merge(client.get(name, ()), addresses)
    clients("cognito-idp").update_user_pool_client(**client)


def _merge(there: Iterable[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*there, *more]))


def ensure_user(clients: Clients, pool_id: str, login: Login) -> None:
    """Make a user with this password, or give it to the one that is there; a member of all groups."""
    cognito = clients("cognito-idp")
    try:
        cognito.admin_create_user(
            UserPoolId=pool_id,
            Username=login.user,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email_verified", "Value": "true"}],
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "UsernameExistsException":
            raise
    cognito.admin_set_user_password(
        UserPoolId=pool_id, Username=login.user, Password=login.password, Permanent=True
    )
    for group in cognito.list_groups(UserPoolId=pool_id)["Groups"]:
        cognito.admin_add_user_to_group(UserPoolId=pool_id, Username=login.user, GroupName=group["GroupName"])


class CatalogPublisher:
    """Publishes the catalog as ``sparkdrop pipelines publish`` does, again whenever a pipeline file changes.

    Args:
        clients: Of the emulation.
        bucket: The artifacts bucket.
        configs: The pipeline files.
        jobs: The Spark programs.
    """

    def __init__(self, clients: Clients, bucket: str, *, configs: Path, jobs: Path) -> None:
        self._s3 = clients("s3")
        self._bucket = bucket
        self._configs = configs
        self._jobs = jobs
        self._seen: object = None

    def publish(self) -> bool:
        """Publish what is not published yet; answers whether a file has changed since the last time.

        A file that does not load takes no other pipeline with it, as in Airflow.
        """
        seen = [(file.name, file.stat().st_mtime_ns) for file in list_files(self._configs)]
        if seen == self._seen:
            return False
        self._seen = seen
        loaded = load_configs(self._configs, jobs_dir=self._jobs if self._jobs.is_dir() else None)
        for error in loaded.errors.values():
            log.warning("not published: %s", error)
        for change in publish_pipelines(self._s3, self._bucket, loaded.pipelines.values()):
            log.info("catalog: %s", change)
        return True

    def watch(self, stopping: threading.Event) -> None:
        """Look for changes until told to stop."""
        while not stopping.wait(_POLL_SECONDS):
            try:
                self.publish()
            except (OSError, BotoCoreError, ClientError):
                # a file that an editor is replacing, or AWS that is on its way down: the next look tells
                log.exception("the catalog could not be published")
                self._seen = None
