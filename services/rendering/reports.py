"""Reports as mails: subject, HTML and plain text, from templates made once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.model import AdminReport, Attachment, RenderedReport, TeamReport
from services.rendering.admin_csv import admin_csv
from services.rendering.admin_view import admin_view
from services.rendering.blocks import Row
from services.rendering.team_view import team_view
from services.wording import MINUS, kept_in_order

TEMPLATES = Path(__file__).with_name("templates")
KEPT_TOGETHER = re.compile(rf"((?:{MINUS}?\b[A-Z]{{3}} (?=\d)|{MINUS})[^\s]*\d)")
MOST_LETTERS = 31
"""Letters of the widest two figures of a row beside which a phone shows a name unbroken."""


@cache
def environment() -> Environment:
    """The templates; a name that is missing in the data is an error, not a blank."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.j2"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["parted"] = KEPT_TOGETHER.split
    found.filters["names_above"] = names_above
    return found


def names_above(rows: Sequence[Row]) -> bool:
    """Whether the figures of a table are so large that its names need rows of their own."""
    changes = max(len(row.change) for row in rows)
    amounts = max(max(len(row.current), len(f"was {row.previous}") - 1) for row in rows)
    return changes + amounts > MOST_LETTERS


def render_team(report: TeamReport, *, teams_app: bool) -> RenderedReport:
    """A team's mail; ``teams_app``: whether the bot is installed in Teams."""
    view = team_view(report, teams_app=teams_app)
    return _rendered("team", view.subject, view.preheader, view=view)


def render_admin(report: AdminReport) -> RenderedReport:
    """The admins' mail, with a CSV of all teams."""
    view = admin_view(report)
    csv = Attachment(
        name=f"aws-costs-{report.period}.csv",
        content_type="text/csv; charset=utf-8",
        content=admin_csv(report),
    )
    return _rendered("admin", view.subject, view.preheader, csv, view=view)


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A mail to the admins about the agent itself: a title and a few paragraphs."""

    subject: str
    preheader: str
    title: str
    lines: list[str]
    footer: list[str]
    notices: list[str]


def render_notice(title: str, lines: Sequence[str]) -> RenderedReport:
    """A notice; texts from outside are already neutral."""
    view = NoticeView(
        subject=f"AWS Cost Agent: {title}",
        preheader=lines[0] if lines else title,
        title=title,
        lines=list(lines),
        footer=["You get this because your address is one of the global admin addresses."],
        notices=[],
    )
    return _rendered("notice", view.subject, view.preheader, view=view)


def _rendered(
    name: str, subject: str, preheader: str, *attachments: Attachment, view: object
) -> RenderedReport:
    data = {"view": view}
    text = environment().get_template(f"{name}.txt.j2").render(data)
    return RenderedReport(
        subject=subject,
        preheader=preheader,
        html=kept_in_order(environment().get_template(f"{name}.html.j2").render(data)),
        text=kept_in_order("\n".join(line.rstrip() for line in text.splitlines()) + "\n"),
        attachments=attachments,
    )
