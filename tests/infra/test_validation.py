"""SAM's own word on a template."""

from pathlib import Path

from infra.validation import said_of


def test_a_template_that_sam_would_not_deploy_is_not_valid(tmp_path: Path) -> None:
    wrong = tmp_path / "template.yaml"
    wrong.write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, Properties: {Runtime: cobol}}}\n",
        encoding="utf-8",
    )

    assert said_of(wrong).returncode != 0
