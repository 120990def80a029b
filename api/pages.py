"""HTML pages for a browser: no scripts, nothing from other hosts, all text escaped."""

import base64
import hashlib
from html import escape

from aiohttp import web

STYLE = """
:root{color-scheme:light dark;--ink:#1B1F24;--muted:#57606A;--line:#D8DEE4;--page:#F3F4F6;--surface:#FFF;--accent:#0F5FB0}
@media(prefers-color-scheme:dark){:root{--ink:#E9ECEF;--muted:#A9B1BA;--line:#3A4149;--page:#121518;--surface:#1C2024;--accent:#7DB8F5}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/20px 'Segoe UI',-apple-system,Roboto,Arial,sans-serif}
main{max-width:960px;margin:24px auto;padding:0 16px}h1{font-size:22px;line-height:30px;overflow-wrap:anywhere}
h2{font-size:17px;line-height:24px;margin:28px 0 8px}a{color:var(--accent)}
table{width:100%;border-collapse:collapse;background:var(--surface)}
th,td{text-align:left;padding:8px;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{font-weight:400;color:var(--muted);font-size:13px}.muted{color:var(--muted);font-size:13px;line-height:18px}
iframe{border:1px solid var(--line);background:#fff;height:1100px;max-width:100%;display:block}
pre{background:var(--page);padding:12px;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;margin:8px 0}
code,pre{font:13px/18px ui-monospace,Consolas,monospace}nav a{margin-right:16px}
"""


def _hash_source(text: str) -> str:
    """The CSP source that allows exactly this inline style."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


POLICY = (
    f"default-src 'none'; style-src {_hash_source(STYLE)}; frame-src 'self'; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""For our own pages: the style sheet above, our own frames, and nothing else."""
EMAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
"""For the HTML of emails, which is styled inline as email clients need it. It can do nothing."""


def html_page(title: str, body: str) -> web.Response:
    """One of our own pages, around an HTML body."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )
    return html_response(text, POLICY)


def html_response(text: str, policy: str) -> web.Response:
    """HTML under a Content-Security-Policy."""
    return web.Response(
        body=text.encode("utf-8", "replace"),
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": policy},
    )
