"""JSON without spaces. `json.dumps` would build an encoder for each call, which costs more than a frame does."""

from __future__ import annotations

from json import JSONEncoder

compact = JSONEncoder(separators=(",", ":")).encode
