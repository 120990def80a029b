"""The pages of captured mails. No script; a mail's HTML stands in a frame that may do nothing."""

from html import escape
from urllib.parse import quote

from aiohttp import web

from api.pages import MAIL_POLICY, html_page, html_response
from api.wired import OUTBOX
from services.domain.formatting import plural

pages = web.RouteTableDef()
WIDTHS = {"700": 700, "375": 375}


@pages.get("/outbox")
async def list_mails(request: web.Request) -> web.Response:
    """The newest captured mails."""
    entries = await request.app[OUTBOX].list_messages()
    if not entries:
        return html_page(
            "Outbox", "<h1>Outbox</h1><p>No mail yet. Run a report to see it here.</p>"
        )
    rows = "".join(
        f'<tr><td><a href="/outbox/{quote(one.id)}">{escape(one.subject)}</a></td>'
        f"<td>{escape(one.recipient)}</td>"
        f"<td>{escape(f'{one.date:%d %b %Y %H:%M}') if one.date else ''}</td></tr>"
        for one in entries
    )
    return html_page(
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
    return html_page(
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
    return html_response(mail.html, MAIL_POLICY)
