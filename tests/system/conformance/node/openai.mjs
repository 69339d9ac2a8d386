// OpenAI's own SDK. Its address and key come from OPENAI_BASE_URL and OPENAI_API_KEY, and nothing else is set.

import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ASKS_FOR_THE_TOOL, QUESTION, TOOL_RESULT, perform } from "./deeds.mjs";

const client = new OpenAI();
const messages = [{ role: "user", content: QUESTION }];
const Visit = z.object({ technician: z.string(), minutes: z.number().int() });

await perform({
  async chat() {
    const completion = await client.chat.completions.create({ model: "gpt-4o", messages });
    return { text: completion.choices[0].message.content, usage: completion.usage };
  },

  async chatStream() {
    const stream = client.chat.completions.stream({ model: "gpt-4o", messages });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    return { text, final: await stream.finalContent() };
  },

  async chatTools() {
    const calls = [];
    const runner = client.chat.completions.runTools({
      model: "gpt-4o",
      messages: [{ role: "user", content: ASKS_FOR_THE_TOOL }],
      tools: [
        zodFunction({
          name: "find_technician",
          description: "Who is free for a job",
          parameters: z.object({ trade: z.string() }),
          function: (given) => {
            calls.push(given);
            return TOOL_RESULT;
          },
        }),
      ],
    });
    const text = await runner.finalContent();
    return { text, calls, roles: runner.messages.map((message) => message.role) };
  },

  async chatParse() {
    const completion = await client.chat.completions.parse({
      model: "gpt-4o",
      messages,
      response_format: zodResponseFormat(Visit, "visit"),
    });
    return completion.choices[0].message.parsed;
  },

  async response() {
    const response = await client.responses.create({ model: "gpt-4o", input: QUESTION });
    return { text: response.output_text, usage: response.usage };
  },

  async responseStream() {
    const stream = client.responses.stream({ model: "gpt-4o", input: QUESTION });
    let text = "";
    for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
    return { text, final: (await stream.finalResponse()).output_text };
  },

  async responseParse() {
    const response = await client.responses.parse({
      model: "gpt-4o",
      input: QUESTION,
      text: { format: zodTextFormat(Visit, "visit") },
    });
    return response.output_parsed;
  },

  async embeddings() {
    const made = await client.embeddings.create({ model: "text-embedding-3-small", input: QUESTION, dimensions: 8 });
    return made.data[0].embedding;
  },

  async models() {
    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    return models;
  },
});
