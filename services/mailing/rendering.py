"""Reports as emails: subject, HTML and plain text, from templates that are compiled once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.domain import AdminReport, Attachment, RenderedReport, TeamReport
from services.domain.formatting import MINUS, keep_order
from services.mailing.admin_csv import admin_csv
from services.presentation import Row, admin_view, team_view

TEMPLATES = Path(__file__).with_name("templates")
UNBROKEN_AMOUNT = re.compile(rf"((?:{MINUS}?\b[A-Z]{{3}} (?=\d)|{MINUS})[^\s]*\d)")
"""A minus sign or a currency code with its amount, between which no line may break."""
MAX_FIGURE_LETTERS = 31
"""Letters of the two widest figures of a row next to which a 375 px screen shows a name whole."""


@cache
def _environment() -> Environment:
    """The templates; a name that is missing in the data is an error, not a blank."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.j2"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["split_unbroken"] = UNBROKEN_AMOUNT.split
    environment.filters["needs_name_rows"] = needs_name_rows
    return environment


def needs_name_rows(rows: Sequence[Row]) -> bool:
    """Whether the figures of a table are so large that its names need rows of their own."""
    changes = max(len(row.change) for row in rows)
    amounts = max(max(len(row.current), len(f"was {row.previous}") - 1) for row in rows)
    return changes + amounts > MAX_FIGURE_LETTERS


def render_team(report: TeamReport, *, app_id: str | None) -> RenderedReport:
    """A team's email; ``app_id``: the bot's, which its links open; None in local mode."""
    view = team_view(report, app_id=app_id)
    return _rendered("team", view.subject, view.preheader, view=view)


def render_admin(report: AdminReport) -> RenderedReport:
    """The admins' email, with a CSV of all teams."""
    view = admin_view(report)
    csv = Attachment(
        name=f"aws-costs-{report.period}.csv",
        content_type="text/csv; charset=utf-8",
        content=admin_csv(report),
    )
    return _rendered("admin", view.subject, view.preheader, csv, view=view)


@dataclass(frozen=True, slots=True)
class NoticeView:
    """An email to the admins about the agent itself: a title and a few paragraphs."""

    subject: str
    preheader: str
    title: str
    lines: list[str]
    footer: list[str]
    notices: list[str]


def render_notice(title: str, lines: Sequence[str]) -> RenderedReport:
    """A notice to the admins. Text from outside must have gone through ``neutral`` already."""
    view = NoticeView(
        subject=f"AWS Cost Agent: {title}",
        preheader=lines[0] if lines else title,
        title=title,
        lines=list(lines),
        footer=["You get this email because your address is a global admin address."],
        notices=[],
    )
    return _rendered("notice", view.subject, view.preheader, view=view)


def _rendered(
    name: str, subject: str, preheader: str, *attachments: Attachment, view: object
) -> RenderedReport:
    data = {"view": view}
    text = _environment().get_template(f"{name}.txt.j2").render(data)
    return RenderedReport(
        subject=subject,
        preheader=preheader,
        html=keep_order(_environment().get_template(f"{name}.html.j2").render(data)),
        text=keep_order("\n".join(line.rstrip() for line in text.splitlines()) + "\n"),
        attachments=attachments,
    )
