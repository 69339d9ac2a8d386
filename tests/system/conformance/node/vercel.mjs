// The Vercel AI SDK. Its address and key come from OPENAI_BASE_URL and OPENAI_API_KEY; `openai(id)` asks Responses, `.chat(id)` Chat.

import { openai } from "@ai-sdk/openai";
import { Output, embed, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import { ASKS_FOR_THE_TOOL, QUESTION, TOOL_RESULT, perform } from "./deeds.mjs";

const Visit = z.object({ technician: z.string(), minutes: z.number().int() });
// What is not stored cannot be referred to: the next turn then carries what the last one said.
const wholeTurns = { openai: { store: false } };

async function streamed(model) {
  let failure;
  const result = streamText({ model, prompt: QUESTION, onError: ({ error }) => (failure = error) });
  let text = "";
  for await (const part of result.textStream) text += part;
  if (failure) throw failure;
  return { text, outputTokens: (await result.usage).outputTokens };
}

async function withTools(model, providerOptions = {}) {
  const calls = [];
  const result = await generateText({
    model,
    providerOptions,
    prompt: ASKS_FOR_THE_TOOL,
    stopWhen: isStepCount(3),
    tools: {
      find_technician: tool({
        description: "Who is free for a job",
        inputSchema: z.object({ trade: z.string() }),
        execute: async (given) => {
          calls.push(given);
          return TOOL_RESULT;
        },
      }),
    },
  });
  return { text: result.text, calls, steps: result.steps.length };
}

async function twoTurns(model, providerOptions = {}) {
  const asked = { role: "user", content: QUESTION };
  const first = await generateText({ model, providerOptions, messages: [asked] });
  const messages = [asked, ...first.response.messages, { role: "user", content: "And who else?" }];
  return { text: (await generateText({ model, providerOptions, messages })).text };
}

await perform({
  async chat() {
    const { text, usage } = await generateText({ model: openai.chat("gpt-4o"), prompt: QUESTION });
    return { text, outputTokens: usage.outputTokens };
  },
  chatStream: () => streamed(openai.chat("gpt-4o")),
  chatTools: () => withTools(openai.chat("gpt-4o")),
  chatTwoTurns: () => twoTurns(openai.chat("gpt-4o")),

  async response() {
    const { text, usage } = await generateText({ model: openai("gpt-4o"), prompt: QUESTION });
    return { text, outputTokens: usage.outputTokens };
  },
  responseStream: () => streamed(openai("gpt-4o")),
  responseTools: () => withTools(openai("gpt-4o")),
  responseToolsOfAThinker: () => withTools(openai("gpt-6-luna"), wholeTurns),
  responseTwoTurns: () => twoTurns(openai("gpt-4o"), wholeTurns),
  responseTwoTurnsAsStored: () => twoTurns(openai("gpt-4o")),

  async output() {
    const { output } = await generateText({
      model: openai("gpt-4o"),
      prompt: QUESTION,
      output: Output.object({ schema: Visit }),
    });
    return output;
  },

  async embeddings() {
    const { embedding } = await embed({
      model: openai.embedding("text-embedding-3-small"),
      value: QUESTION,
      providerOptions: { openai: { dimensions: 8 } },
    });
    return embedding;
  },
});
