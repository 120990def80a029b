"""The pages of captured mails. No script; a mail's HTML stands in a frame that may do nothing."""

from html import escape
from urllib.parse import quote

from aiohttp import web

from api.wired import OUTBOX
from services.wording import plural

pages = web.RouteTableDef()
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'self'"
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
WIDTHS = {"700": 700, "375": 375}

STYLE = """
:root{color-scheme:light dark;--ink:#1B1F24;--muted:#57606A;--line:#D8DEE4;--page:#F3F4F6;--surface:#FFF;--accent:#0F5FB0}
@media(prefers-color-scheme:dark){:root{--ink:#E9ECEF;--muted:#A9B1BA;--line:#3A4149;--page:#121518;--surface:#1C2024;--accent:#7DB8F5}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/20px 'Segoe UI',-apple-system,Roboto,Arial,sans-serif}
main{max-width:960px;margin:24px auto;padding:0 16px}h1{font-size:22px;line-height:30px;overflow-wrap:anywhere}
a{color:var(--accent)}table{width:100%;border-collapse:collapse;background:var(--surface)}
th,td{text-align:left;padding:8px;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{font-weight:400;color:var(--muted);font-size:13px}.muted{color:var(--muted);font-size:13px}
iframe{border:1px solid var(--line);background:#fff;height:1100px;max-width:100%;display:block}
pre{background:var(--surface);padding:16px;overflow:auto;white-space:pre-wrap}nav a{margin-right:16px}
"""


def _page(title: str, body: str) -> web.Response:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )
    return web.Response(text=text, content_type="text/html", headers=_headers(POLICY))


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


@pages.get("/outbox")
async def list_mails(request: web.Request) -> web.Response:
    """The newest captured mails."""
    entries = await request.app[OUTBOX].list_messages()
    if not entries:
        return _page("Outbox", "<h1>Outbox</h1><p>No mail yet. Run a report to see it here.</p>")
    rows = "".join(
        f'<tr><td><a href="/outbox/{quote(one.id)}">{escape(one.subject)}</a></td>'
        f"<td>{escape(one.recipient)}</td>"
        f"<td>{escape(f'{one.date:%d %b %Y %H:%M}') if one.date else ''}</td></tr>"
        for one in entries
    )
    return _page(
        "Outbox",
        f'<h1>Outbox</h1><p class="muted">{plural(len(entries), "mail")}, newest first. '
        "Nothing here was sent to anybody.</p><table><tr><th>Subject</th><th>To</th>"
        f"<th>Date (UTC)</th></tr>{rows}</table>",
    )


@pages.get("/outbox/{id}")
async def show_mail(request: web.Request) -> web.Response:
    """One mail: as it looks at two widths, its text, its headers."""
    mail = await request.app[OUTBOX].read_message(request.match_info["id"])
    width = WIDTHS.get(request.query.get("width", ""), 700)
    here = f"/outbox/{quote(mail.entry.id)}"
    headers = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in mail.headers
    )
    files = "".join(f"<li>{escape(name)}, {size:,} bytes</li>" for name, size in mail.attachments)
    return _page(
        mail.entry.subject,
        f'<nav><a href="/outbox">All mails</a><a href="{here}">700 px</a>'
        f'<a href="{here}?width=375">375 px</a></nav><h1>{escape(mail.entry.subject)}</h1>'
        f'<p class="muted">To {escape(mail.entry.recipient)}</p>'
        f'<iframe sandbox title="The mail" width="{width}" src="{here}/html"></iframe>'
        f"{f'<h2>Attachments</h2><ul>{files}</ul>' if files else ''}"
        f"<h2>Text</h2><pre>{escape(mail.text)}</pre><h2>Headers</h2><table>{headers}</table>",
    )


@pages.get("/outbox/{id}/html")
async def show_html(request: web.Request) -> web.Response:
    """The HTML of a mail alone, for the frame."""
    mail = await request.app[OUTBOX].read_message(request.match_info["id"])
    return web.Response(text=mail.html, content_type="text/html", headers=_headers(MAIL_POLICY))
