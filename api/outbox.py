"""Pages that show captured emails. An email's HTML is shown in a sandboxed frame."""

from html import escape
from urllib.parse import quote

from aiohttp import web

from api.pages import EMAIL_POLICY, html_page, html_response
from api.state import OUTBOX
from services.domain.formatting import plural

pages = web.RouteTableDef()
WIDTHS = {"700": 700, "375": 375}
"""Pixels of a desktop email client's pane, and of a phone."""


@pages.get("/outbox")
async def list_emails(request: web.Request) -> web.Response:
    """The newest captured emails."""
    entries = await request.app[OUTBOX].list_messages()
    if not entries:
        return html_page(
            "Outbox", "<h1>Outbox</h1><p>No emails yet. Run a report to see its emails here.</p>"
        )
    rows = "".join(
        f'<tr><td><a href="/outbox/{quote(entry.id)}">{escape(entry.subject)}</a></td>'
        f"<td>{escape(entry.recipient)}</td>"
        f"<td>{escape(f'{entry.date:%d %b %Y %H:%M}') if entry.date else ''}</td></tr>"
        for entry in entries
    )
    return html_page(
        "Outbox",
        f'<h1>Outbox</h1><p class="muted">{plural(len(entries), "email")}, newest first. '
        "None of them was sent.</p><table><tr><th>Subject</th><th>To</th>"
        f"<th>Date (UTC)</th></tr>{rows}</table>",
    )


@pages.get("/outbox/{id}")
async def show_email(request: web.Request) -> web.Response:
    """One email: its HTML at either of two widths, its attachments, text and headers."""
    email = await request.app[OUTBOX].read_message(request.match_info["id"])
    width = WIDTHS.get(request.query.get("width", ""), 700)
    address = f"/outbox/{quote(email.entry.id)}"
    headers = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in email.headers
    )
    attachments = "".join(
        f"<li>{escape(name)}, {size:,} bytes</li>" for name, size in email.attachments
    )
    return html_page(
        email.entry.subject,
        f'<nav><a href="/outbox">All emails</a><a href="{address}">700 px</a>'
        f'<a href="{address}?width=375">375 px</a></nav><h1>{escape(email.entry.subject)}</h1>'
        f'<p class="muted">To {escape(email.entry.recipient)}</p>'
        f'<iframe sandbox title="The email" width="{width}" src="{address}/html"></iframe>'
        f"{f'<h2>Attachments</h2><ul>{attachments}</ul>' if attachments else ''}"
        f"<h2>Text</h2><pre>{escape(email.text)}</pre><h2>Headers</h2><table>{headers}</table>",
    )


@pages.get("/outbox/{id}/html")
async def show_html(request: web.Request) -> web.Response:
    """The HTML of an email, for the frame."""
    email = await request.app[OUTBOX].read_message(request.match_info["id"])
    return html_response(email.html, EMAIL_POLICY)
