"""What the local EMR does with each operation, proven by a call: the README's table is made of this."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["behaves", "accepts", "refuses"]


@dataclass(frozen=True)
class Case:
    """One operation.

    Attributes:
        service: emr or emr-serverless.
        operation: as the service's model names it.
        verdict: behaves does what EMR does; accepts keeps and tells what it was given, and does no more;
            refuses answers with an error.
        note: what its user has to know, in one line; of a refusal, the error's code.
        prove: calls the operation on a local EMR and asserts what the verdict says.
    """

    service: Literal["emr", "emr-serverless"]
    operation: str
    verdict: Verdict
    note: str
    prove: Callable[[Any], None]
