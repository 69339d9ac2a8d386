"""The local OpenAI: real HTTP and SSE, usage counted by tiktoken, faults on demand. See README.md."""
