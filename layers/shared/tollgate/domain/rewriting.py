"""Whether another model can serve a chat request, and the request as that model needs it."""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.model import Capability, Kind, Model, Taken

# How a text is drawn: without them it is still an answer to the question.
SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias")
# What the answer must have: a model that cannot give it cannot serve.
SHAPING = ("logprobs", "top_logprobs")
NONE = "none"
# `none` and `minimal` are each known to some models only; these stand for the nearest that all reasoning models know.
LEAST, MOST = "low", "high"
LITTLE, MUCH = frozenset({NONE, "minimal"}), frozenset({"xhigh", "max"})


def can_serve(body: Mapping[str, Any], model: Model, *, has_images: bool) -> bool:
    """By kind and capability; whether its context is large enough is the bound's to say."""
    reasons = Capability.REASONING in model.capabilities
    tools = [*(body.get("tools") or ()), *(body.get("functions") or ())]
    return (
        model.kind is Kind.CHAT
        and (not has_images or Capability.VISION in model.capabilities)
        and (not _is_structured(body, tools) or Capability.STRUCTURED_OUTPUT in model.capabilities)
        and (not tools or _takes_tools(model))
        # Custom tools came with the GPT-5 models, and stop sequences went with them.
        and (reasons or not any(tool.get("type") == "custom" for tool in tools))
        and not (reasons and body.get("stop"))
        and (_draws_freely(body, model) or not any(body.get(name) for name in SHAPING))
    )


def _is_structured(body: Mapping[str, Any], tools: list[Any]) -> bool:
    asked = body.get("response_format")
    is_schema = isinstance(asked, Mapping) and asked.get("type") == "json_schema"
    inner = [tool.get("function") for tool in tools]
    return is_schema or any(isinstance(function, Mapping) and function.get("strict") is True for function in inner)


def _takes_tools(model: Model) -> bool:
    if Capability.TOOLS not in model.capabilities:
        return False
    return model.chat_tools is Taken.ALWAYS or (model.chat_tools is Taken.EFFORT_NONE and model.effort_none)


def rewritten(body: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """For a model that stands in for another: nothing that it would refuse, and a short maximum not spent on reasoning."""
    left_out = set() if _draws_freely(body, model) else set(SAMPLING)
    # Models before gpt-5.6 refuse it, and without it the prompt is cached as usual.
    left_out |= {"prompt_cache_options"}
    effort = _effort(body, model)
    if Capability.REASONING not in model.capabilities:
        left_out |= {"verbosity"}
    sent = {name: value for name, value in body.items() if name not in left_out and name != "reasoning_effort"}
    return sent if effort is None else {**sent, "reasoning_effort": effort}


def _effort(body: Mapping[str, Any], model: Model) -> str | None:
    """What is said of reasoning; None: nothing."""
    if Capability.REASONING not in model.capabilities:
        return None
    said = body.get("reasoning_effort")
    asked = said if isinstance(said, str) else None
    wants_tools = bool(body.get("tools") or body.get("functions"))
    if model.effort_none and (
        asked is None or asked in LITTLE or (wants_tools and model.chat_tools is Taken.EFFORT_NONE)
    ):
        return NONE
    if asked in LITTLE:
        return LEAST
    return MOST if asked in MUCH else asked


def _draws_freely(body: Mapping[str, Any], model: Model) -> bool:
    """Whether the model takes sampling fields in this request. No source for one that reasons: it does not."""
    if model.temperature is Taken.ALWAYS:
        return True
    if model.temperature is Taken.UNKNOWN:
        return Capability.REASONING not in model.capabilities
    return model.temperature is Taken.EFFORT_NONE and _effort(body, model) == NONE
