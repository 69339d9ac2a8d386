"""The document as a page to read: one file, no script, nothing fetched from anywhere."""

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2330; background: #fff; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { border-bottom: 2px solid #dfe4ec; margin-top: 3rem; }
details { border: 1px solid #dfe4ec; border-radius: 6px; margin: .5rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; background: #f5f7fa; padding: .6rem; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: .15rem 1rem .15rem 0; vertical-align: top; }
@media (prefers-color-scheme: dark) {
  body { color: #e4e8ef; background: #14181f; }
  a { color: #8ab4ff; }
  pre { background: #1d232d; }
  details, h2 { border-color: #39424f; }
}
"""


def page(document: Mapping[str, Any]) -> str:
    title = f"{document['info']['title']} {document['info']['version']}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1>"
        f'<p>{document["info"]["description"]} The same for machines: <a href="openapi.json">openapi.json</a>.</p>'
        + "".join(_sections(document))
        + "</main></body></html>\n"
    )


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{tag['name']}</h2><p>{html.escape(tag['description'])}</p>"
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if operation["tags"] == [tag["name"]]:
                    yield _route(method, path, operation)
    yield "<h2>Shapes</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<details id="{name}"><summary><code>{name}</code></summary>{_json(schema)}</details>'


def _route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return (
        f'<details><summary><span class="method">{method.upper()}</span> <code>{html.escape(path)}</code> '
        f"{html.escape(operation['summary'])}</summary>"
        + (f"<p>{html.escape(operation['description'])}</p>" if "description" in operation else "")
        + _parameters(operation.get("parameters", []))
        + (f"<h4>Body</h4>{_shape(body)}" if body else "")
        + "<h4>Answers</h4><table>"
        + "".join(_answer(status, answer) for status, answer in operation["responses"].items())
        + "</table></details>"
    )


def _parameters(parameters: list[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{each['name']}</code></td><td>{each['in']}</td><td>{html.escape(each.get('description', ''))}</td></tr>"
        for each in parameters
    )
    return f"<h4>Parameters</h4><table>{rows}</table>" if rows else ""


def _answer(status: str, answer: Mapping[str, Any]) -> str:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    shape = _link(schema) if "$ref" in schema else ""
    return f"<tr><td>{status}</td><td>{shape}</td><td>{html.escape(answer['description'])}</td></tr>"


def _shape(schema: Mapping[str, Any]) -> str:
    return f"<p>{_link(schema)}</p>" if "$ref" in schema else _json(schema)


def _link(schema: Mapping[str, Any]) -> str:
    name = schema["$ref"].rsplit("/", 1)[-1]
    return f'<a href="#{name}"><code>{name}</code></a>'


def _json(schema: Mapping[str, Any]) -> str:
    return f"<pre>{html.escape(json.dumps(schema, indent=2))}</pre>"
