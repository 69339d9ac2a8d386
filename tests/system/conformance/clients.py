"""Every client, asking once with nothing but a base URL and a key; what it does about a refusal is its own affair."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from agents import Agent, OpenAIProvider, RunConfig, Runner
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, OpenAI, OpenAIError
from pydantic import SecretStr

from tests.system.conformance.node_clients import LOCK, perform

QUESTION = "Who can come today?"
MESSAGES: list[Any] = [{"role": "user", "content": QUESTION}]


@dataclass(frozen=True, kw_only=True)
class Client:
    """`ask`: given base URL and key, says whether an answer came. `packages`: by what its version is known."""

    ask: Callable[[str, str], bool]
    packages: tuple[str, ...]
    is_javascript: bool = False

    @property
    def version(self) -> str:
        return ", ".join(f"{name} {self._version_of(name)}" for name in self.packages)

    def _version_of(self, package: str) -> str:
        if not self.is_javascript:
            return version(package)
        locked = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
        return str(locked[f"node_modules/{package}"]["version"])


def ask_openai(base_url: str, key: str) -> bool:
    try:
        with OpenAI(base_url=base_url, api_key=key) as client:
            return bool(client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices)
    except OpenAIError:
        return False


def ask_openai_asynchronously(base_url: str, key: str) -> bool:
    async def ask() -> bool:
        async with AsyncOpenAI(base_url=base_url, api_key=key) as client:
            return bool((await client.responses.create(model="gpt-4o", input=QUESTION)).output_text)

    try:
        return asyncio.run(ask())
    except OpenAIError:
        return False


def ask_langchain(base_url: str, key: str) -> bool:
    try:
        return bool(ChatOpenAI(model="gpt-4o", base_url=base_url, api_key=SecretStr(key)).invoke(QUESTION).text)
    except OpenAIError:
        return False


def ask_agents_sdk(base_url: str, key: str) -> bool:
    async def run() -> bool:
        async with AsyncOpenAI(base_url=base_url, api_key=key) as client:
            config = RunConfig(model_provider=OpenAIProvider(openai_client=client), tracing_disabled=True)
            agent = Agent(name="dispatcher", model="gpt-4o")
            return bool((await Runner.run(agent, QUESTION, run_config=config)).final_output)

    try:
        return asyncio.run(run())
    except OpenAIError:
        return False


def ask_openai_for_node(base_url: str, key: str) -> bool:
    return "result" in perform("openai.mjs", "chat", base_url=base_url, key=key)["chat"]


def ask_vercel(base_url: str, key: str) -> bool:
    return "result" in perform("vercel.mjs", "response", base_url=base_url, key=key)["response"]


CLIENTS = {
    "`openai`, Python": Client(ask=ask_openai, packages=("openai",)),
    "`openai`, Python, asynchronous": Client(ask=ask_openai_asynchronously, packages=("openai",)),
    "LangChain": Client(ask=ask_langchain, packages=("langchain-openai",)),
    "OpenAI Agents SDK": Client(ask=ask_agents_sdk, packages=("openai-agents",)),
    "`openai`, Node": Client(ask=ask_openai_for_node, packages=("openai",), is_javascript=True),
    "Vercel AI SDK": Client(ask=ask_vercel, packages=("ai", "@ai-sdk/openai"), is_javascript=True),
}
