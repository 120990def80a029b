"""Every total says what it measures, in the words of its source."""

import csv
import io
import json
from datetime import date, timedelta

import pytest

from cards.costs import cost_explanation, cost_history
from cards.previews import admin_preview, team_preview
from cards.teams import team_card
from services.application import Application
from services.domain import Actor, Team
from services.runtime.context import Context
from tests.fakes.application import Fakes
from tests.fakes.costs import FakeCosts
from tests.fakes.store import MemoryStore
from tests.makers import NOW
from tests.servers.datadog import Cost

ACCOUNT = "1" * 12
LAST = NOW.date() - timedelta(days=1)
WORDS = [
    ("aws.cost.net.amortized", "net amortized"),
    ("aws.cost.ondemand", "list price"),
    ("corp.cost.shared", "corp.cost.shared"),
]
"""Metrics, and their names in the description of the fake source; the last one has none."""


def costs() -> list[Cost]:
    tags = {
        "aws_member_account_id": ACCOUNT,
        "aws_product": "ec2",
        "chargecategory": "usage",
    }
    first = date(2026, 10, 1)
    days = (first + timedelta(days=i) for i in range((LAST - first).days + 1))
    return [Cost(day, 10.0, tags) for day in days]


async def world(metric: str) -> tuple[Application, Team]:
    """An agent whose source reads this metric, with one team."""
    source = FakeCosts(costs(), metric=metric)
    context = Context(
        source=source.description, clock=lambda: NOW, worker="w", is_worker_dead=lambda _: False
    )
    app = Fakes(MemoryStore(), source=source).application(context)
    body = {"team_name": "Checkout", "aws_account_id": ACCOUNT, "team_email": "c@example.org"}
    return app, await app.teams.add(body, Actor(interface="cli"), NOW)


@pytest.mark.parametrize(("metric", "word"), WORDS)
async def test_every_total_is_named_by_the_word_of_its_metric(metric: str, word: str) -> None:
    app, team = await world(metric)
    previews = app.reports.previews
    report, admins = await previews.team_report(team, NOW), await previews.admin_report(NOW)
    email, admin_email = (
        await previews.preview_team(team.id, NOW),
        await previews.preview_admin(NOW),
    )
    history = await app.costs.history.of(team, "month", NOW)
    shown = {
        "email, text": email.rendered.text,
        "email, HTML": email.rendered.html,
        "admins' email, text": admin_email.rendered.text,
        "admins' email, HTML": admin_email.rendered.html,
        **{
            name: json.dumps(card, ensure_ascii=False)
            for name, card in {
                "team": team_card(report, "viewer"),
                "explain": cost_explanation(report),
                "preview": team_preview(report, "viewer"),
                "preview admin": admin_preview(admins, "viewer"),
                "costs": cost_history(history, "month"),
            }.items()
        },
    }
    for name, text in shown.items():
        assert f"(UTC) · USD, {word}" in " ".join(text.split()), name
        assert "USD, net" not in text.replace("USD, net amortized", ""), name
    assert (email.json["metric"], admin_email.json["metric"]) == (word, word)


@pytest.mark.parametrize(("metric", "word"), WORDS)
async def test_rows_and_files_name_it_too(metric: str, word: str) -> None:
    app, team = await world(metric)
    await app.reports.previews.team_report(team, NOW)
    rows = await app.costs.rows.page(NOW)
    assert {row.metric for row in rows} == {word}
    rendered = (await app.reports.previews.preview_admin(NOW)).rendered
    text = rendered.attachments[0].content.decode("utf-8-sig")
    assert {row["metric"] for row in csv.DictReader(io.StringIO(text))} == {word}
