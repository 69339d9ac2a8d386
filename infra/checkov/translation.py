"""A SAM template as CloudFormation gets it: with the roles, permissions and mappings that SAM makes of a function's few lines.

By SAM's own translator, without AWS: the transform's one question there, what AWS's managed policies are called, is not asked by a template
that writes its statements out.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

SERVERLESS = "AWS::Serverless-"
# Any will do: nothing is asked there.
REGION = "us-east-1"
# It warns of a feature that is not in its own list.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class NoPolicies:
    """In the place of the list that SAM asks IAM for."""

    def load(self) -> Mapping[str, str]:
        return {}


def translated(template: Path) -> dict[str, Any]:
    """The template itself where it is plain CloudFormation. Raises SAM's InvalidSamDocumentException."""
    text = template.read_text(encoding="utf-8")
    read: dict[str, Any] = yaml_parse(text)
    if SERVERLESS not in str(read.get("Transform", "")):
        return read
    # SAM itself reads some parameters; those without a default have some value in any deployment.
    given = {name: "given" for name, each in read.get("Parameters", {}).items() if "Default" not in each}
    validator = SamTemplateValidator(read, managed_policy_loader=NoPolicies(), region=REGION, parameter_overrides=given)
    made: dict[str, Any] = yaml_parse(validator.get_translated_template_if_valid())
    return made
