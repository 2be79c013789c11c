"""Who a link to upload speaks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.acknowledged_wildcards import acknowledge_wildcard
from infra.constructs.key_use import through_s3
from sparkdrop.core.patterns import ULID_LENGTH

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3

# A link's object lies in a folder whose name is a ULID, which begins with 0 until the year 3084. IAM's "?" is
# one character and "*" any number of them, a slash too: this is as near to such a folder as IAM can come.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
LINK_KEYS = f"*/0{'?' * (ULID_LENGTH - 1)}/*"


class UploadRole(Construct):
    """A role that may put objects where links point, and do nothing else: no reading, listing, deleting.

    A link ends with the session that signed it. The longest session is an hour, the least that IAM lets that
    be. Of this account's principals only those whose own policy names the role may take it. One session signs
    many links and may put what any of them names: a link's signature is what narrows it to one key.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html

    Attributes:
        role: The role.
    """

    def __init__(self, scope: Construct, construct_id: str, *, uploads: s3.IBucket) -> None:
        """Create the role.

        Args:
            scope: The parent.
            construct_id: Its id.
            uploads: Where links point, with its key where it has one.
        """
        super().__init__(scope, construct_id)
        objects = uploads.arn_for_objects(LINK_KEYS)
        statements = [
            iam.PolicyStatement(
                sid="PutByLink",
                actions=["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
                resources=[objects],
            )
        ]
        if uploads.encryption_key:
            statements.append(
                iam.PolicyStatement(
                    sid="EncryptWhatIsPut",
                    # decrypting is part of putting an object in parts:
                    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[uploads.encryption_key.key_arn],
                    conditions=through_s3(cdk.Stack.of(self).region),
                )
            )
        self.role = iam.Role(
            self,
            "Role",
            description="Signs links to upload: puts objects into the folders that links name",
            assumed_by=iam.AccountRootPrincipal(),
            max_session_duration=cdk.Duration.hours(1),
            inline_policies={"PutObjects": iam.PolicyDocument(statements=statements)},
        )
        acknowledge_wildcard(
            self.role,
            objects,
            "A link's key is made when it is asked for. The pattern holds the folders that links are given,"
            " and the signature of each link names one key.",
        )
