"""Answers held against botocore's own shapes: what is required, of which type, in which form."""

from typing import Any

from botocore.validate import ParamValidator

from sparkdrop_local.emr.constraints import find_problems


def check_answers(client: Any) -> None:
    """Have every answer that a client gets checked; one that is not as the model says fails the call."""

    def check(model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if "Error" in parsed or model.output_shape is None:
            return
        answer = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        report = ParamValidator().validate(answer, model.output_shape)
        assert not report.has_errors(), f"{model.name}: {report.generate_report()}"
        assert not list(find_problems(answer, model.output_shape)), model.name

    client.meta.events.register("after-call", check)
