"""What every stack shares: how it is named, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from infra.settings.model import StageSettings


class StageStack(cdk.Stack):
    """A stack of one stage, named ``sparkdrop-<stage>-<part>``."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StageSettings, part: str, description: str
    ) -> None:
        """Create an empty stack.

        Args:
            scope: The app.
            construct_id: What ``cdk deploy`` calls it.
            settings: The stage's.
            part: The last word of the stack's name.
            description: What CloudFormation's console shows.
        """
        super().__init__(
            scope,
            construct_id,
            stack_name=f"sparkdrop-{settings.stage}-{part}",
            description=f"Sparkdrop: {description}",
            env=cdk.Environment(region=settings.region),
        )

    def keep_exports(self, values: Iterable[str]) -> None:
        """Export what a stack imports that not every setting has.

        CDK exports what is used. Without its user in the app an export would go, while the stack that is
        deployed uses it still, and CloudFormation refuses the whole update:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html

        Args:
            values: Attributes of this stack's resources.
        """
        for value in values:
            self.export_value(value)
