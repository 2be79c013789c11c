"""What every stack shares: how it is named, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

if TYPE_CHECKING:
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
