"""One agent at work: its conversations, one after the other, through OpenAI's own SDK."""

from dataclasses import dataclass, field
from decimal import Decimal
from queue import Empty, SimpleQueue
from random import Random
from typing import Any

import openai

from infra.local.demo.api import Tenant, nano
from infra.local.demo.conversation import Conversation, Message, filled
from infra.local.demo.scripts import electrical
from infra.local.demo.shift import Shift
from infra.local.demo.tally import RefusalSeen, Tally

MODEL = "gpt-4o"
# A customer thinks before the next sentence.
PAUSE_S = (0.1, 0.6)
TOOL_ROUNDS = 2
FLOODING_AGENT = "scheduling-agent"


@dataclass(slots=True)
class Desk:
    tenant: Tenant
    api_url: str
    tally: Tally
    shift: Shift
    random: Random
    _client: openai.OpenAI = field(init=False)

    def __post_init__(self) -> None:
        # The SDK as it comes: it tries again by itself where it is told that this helps.
        self._client = openai.OpenAI(base_url=f"{self.api_url}/v1", api_key=self.tenant.key, timeout=120)

    def work(self, waiting: "SimpleQueue[Conversation]") -> None:
        """Raises Stopped."""
        while self.shift.takes_callers:
            try:
                conversation = waiting.get_nowait()
            except Empty:
                return
            self._talk(conversation)
            self.tally.end_conversation(self.tenant.id)

    def flood(self, *, attempts: int, patience: int) -> None:
        """The loop of an agent whose answer is never good enough: each try sends all that was said before.

        `patience`: refusals after which somebody pulls the plug. Raises Stopped.
        """
        messages = self._board()
        labels = {"x-tollgate-agent": FLOODING_AGENT, "x-tollgate-run-id": f"run_{self.random.getrandbits(64):016x}"}
        rejections = electrical.rejections(self.random)
        refused = 0
        for _ in range(attempts):
            self.shift.pause(0.05)
            answer = self._ask(messages, extra_headers=labels, max_completion_tokens=800)
            if answer is not None:
                messages.append({"role": "assistant", "content": answer.content or ""})
                messages.append({"role": "user", "content": next(rejections)})
                continue
            refused += 1
            if refused == patience:
                return

    def _board(self) -> list[Message]:
        shop = self.tenant.shop
        task = filled(electrical.BOARD_PLANNER, {"shop": shop.name, "city": shop.city})
        opening = f"{task}\n\n{electrical.board(Random(self.tenant.id))}"  # noqa: S311
        return [{"role": "system", "content": opening}, {"role": "user", "content": "Plan the week."}]

    def _talk(self, conversation: Conversation) -> None:
        """Until it is over or a call is refused: an agent without a model can't go on."""
        messages = [conversation.opening]
        arguments = conversation.attribution() | {"max_completion_tokens": conversation.script.output_tokens_max}
        if conversation.script.tools:
            arguments["tools"] = [tool.as_openai() for tool in conversation.script.tools]
        for turn in conversation.turns:
            self.shift.pause(self.random.uniform(*PAUSE_S))
            messages.append(turn)
            if not self._answer(conversation, messages, arguments):
                return

    def _answer(self, conversation: Conversation, messages: list[Message], arguments: dict[str, Any]) -> bool:
        for _ in range(1 + TOOL_ROUNDS):
            answer = self._ask(messages, **arguments)
            if answer is None:
                return False
            messages.append(answer.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
            if not answer.tool_calls:
                break
            messages += [conversation.tool_message(call.id, call.function.name) for call in answer.tool_calls]
        return True

    def _ask(self, messages: list[Message], **arguments: Any) -> Any:
        """The assistant's message; None where the call was refused or failed."""
        tenant_id = self.tenant.id
        self.tally.begin(tenant_id)
        try:
            # `user` goes through to OpenAI, so that its own books can be told apart by tenant.
            raw = self._client.chat.completions.with_raw_response.create(
                **{"model": MODEL, "messages": messages, "user": tenant_id, **arguments}
            )
        except openai.RateLimitError as error:
            self.tally.refuse(tenant_id, refusal_seen(error, agent=agent_of(arguments)))
            return None
        except openai.OpenAIError as error:
            self.tally.fail(tenant_id, f"{type(error).__name__}: {error}")
            return None
        cost = nano(Decimal(raw.headers["x-tollgate-cost-usd"]))
        self.tally.serve(tenant_id, cost=cost, downgrade=raw.headers.get("x-tollgate-downgrade-reason"))
        return raw.parse().choices[0].message


def refusal_seen(error: openai.RateLimitError, *, agent: str) -> RefusalSeen:
    headers, sent = error.response.headers, error.response.request.headers
    said = error.body.get("message") if isinstance(error.body, dict) else None
    retry_after = headers.get("retry-after", "")
    return RefusalSeen(
        error=type(error).__name__,
        status=error.status_code,
        code=str(error.code),
        reason=headers.get("x-tollgate-refusal-reason", "not said"),
        message=str(said or error.message),
        retry_after_s=int(retry_after) if retry_after.isdecimal() else None,
        tries=1 + int(sent.get("x-stainless-retry-count", "0")),
        agent=agent,
    )


def agent_of(arguments: dict[str, Any]) -> str:
    labels = arguments.get("metadata") or arguments["extra_headers"]
    return str(labels.get("agent") or labels.get("x-tollgate-agent"))
