"""The CSV of teams, as spreadsheets and people write it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.administration.audit_trail import AuditTrail
from services.domain import Actor, Team
from services.domain import formatting as wording
from services.domain.errors import AgentError, InvalidError, StoreUnavailableError
from services.teams.csv_import import ImportResult, parse_csv, rows_of_list, rows_of_pasted_list
from services.teams.teams import Teams
from tests.fakes.store import MemoryStore
from tests.fakes.store.teams import MemoryTeams
from tests.makers import NOW

HEADER = "team_name,aws_account_id,team_email"
ZERO_WIDTH_HEADER = HEADER.replace("_", "_\u200b")
"""As it was once copied from a card."""
ACTOR = Actor(interface="cli")


async def imported(
    data: str | bytes, store: MemoryStore | None = None, *, dry_run: bool = False
) -> tuple[ImportResult, list[Team], list[Any]]:
    store = store or MemoryStore()
    teams = Teams(store.teams, AuditTrail(store.audit_entries), source="datadog")
    rows, problems = parse_csv(data if isinstance(data, bytes) else data.encode())
    result = await teams.import_rows(rows, ACTOR, NOW, dry_run=dry_run)
    return result, await teams.list(), sorted([*problems, *result.failed], key=lambda p: p.line)


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADER}\nA,012345678901,a@x.org\n".encode(),
        f"{HEADER}\r\nA,012345678901,a@x.org\r\n\r\n".encode("utf-8-sig"),
        f"{HEADER}\nA,012345678901,a@x.org".encode("utf-16"),
        f"{HEADER}\nA,012345678901,a@x.org\n".replace(",", ";").encode(),
        f"{HEADER}\nA,012345678901,a@x.org\n".replace(",", "\t").encode(),
        b"Team Name, AWS_account_ID ,team_email,\n A , 0123-4567-8901 , a@x.org ,\n,,\n",
        b'team_email,team_name,aws_account_id\n"a@x.org","A","012345678901"\n',
        f"sep=;\r\n{HEADER}\r\nA,012345678901,a@x.org\r\n".replace(",", ";").encode(),
        f'"sep=|"\n{HEADER}\nA,012345678901,a@x.org\n'.replace(",", "|").encode("utf-8-sig"),
        f'{HEADER}\nA,"=""012345678901""",a@x.org\n'.encode(),
        f'{HEADER}\nA,="012345678901",a@x.org\n'.encode(),
        f"\ufeff\ufeff{HEADER}\nA,012345678901,a@x.org\n".encode(),
        '\ufeff\ufeff"team_name",aws_account_id,team_email\nA,012345678901,a@x.org\n'.encode(),
        f"\u200b{HEADER}\nA,012345678901,a@x.org\n".encode(),
        f"{ZERO_WIDTH_HEADER}\nA,0123\u20114567\u20118901,a@x.org\n".encode(),
        f"{HEADER}\nA,012345678901.0,Given Family <a@x.org>\n".encode(),
        f"{HEADER}\nA,'012345678901,\u200ba@x.org;\n".encode(),
    ],
    ids=[
        *("plain", "windows", "utf-16", "semicolons", "tabs", "untidy", "other order"),
        *("told", "told otherwise", "formula", "bare formula", "two marks", "marks and quotes"),
        *("zero-width header", "zero-width names", "pandas", "excel"),
    ],
)
async def test_what_spreadsheets_write_is_read(data: bytes) -> None:
    result, (team,), problems = await imported(data)
    assert (result.created, problems) == (1, [])
    assert (team.team_name, team.aws_account_id, team.team_email) == (
        "A",
        "012345678901",
        "a@x.org",
    )


async def test_every_bad_row_is_named_with_its_line_and_the_good_ones_are_kept() -> None:
    data = (
        f"{HEADER},admin_emails,anomaly_threshold\n"
        "Good,111111111111,good@x.org,a@x.org; b@x.org,12.5\n"
        "Short,11111111111,s@x.org,,\n"
        "Rounded,1.23457E+11,r@x.org,,\n"
        ",222222222222,n@x.org,,\n"
        "No mail,333333333333,,,\n"
        "Bad mail,444444444444,not-an-address,,\n"
        "Bad admin,555555555555,b@x.org,a@x.org;nobody,\n"
        "Bad number,666666666666,b@x.org,,lots\n"
        "Minus,666666666666,b@x.org,,-5\n"
        '"Two\nlines",777777777777,t@x.org,,\n'
        "Twice,111111111111,t@x.org,,\n"
        "Comma, Inc,888888888888,c@x.org,,20\n"
        "Also good,999999999999,ok@x.org,,20%\n"
    )
    result, teams, problems = await imported(data)
    assert [team.team_name for team in teams] == ["Also good", "Good"]
    assert result.created == 2
    assert teams[1].admin_emails == ("a@x.org", "b@x.org")
    assert teams[1].anomaly_threshold == 12.5
    assert [(problem.line, problem.field) for problem in problems] == [
        (3, "aws_account_id"),
        (4, "aws_account_id"),
        (5, "team_name"),
        (6, "team_email"),
        (7, "team_email"),
        (8, "admin_emails"),
        (9, "anomaly_threshold"),
        (10, "anomaly_threshold"),
        (11, "team_name"),
        (13, "aws_account_id"),
        (14, "row"),
    ]
    assert all(problem.reason for problem in problems)


@pytest.mark.parametrize(
    ("cell", "threshold"),
    [("20%", 20.0), ('"12,5"', 12.5), ('"1,000"', 1000.0), ("33.3330", 33.333)],
)
async def test_a_threshold_is_read(cell: str, threshold: float) -> None:
    data = f"{HEADER},anomaly_threshold\nA,012345678901,a@x.org,{cell}\n"
    result, (team,), problems = await imported(data)
    assert (team.anomaly_threshold, problems) == (threshold, [])
    shown = wording.threshold(threshold)
    assert result.changes == [f"New: A, 012345678901, threshold {shown}"]


@pytest.mark.parametrize("cell", ["2_5", '"33,333"', "33.333", "nan", "1e3"])
async def test_an_invalid_or_ambiguous_threshold_is_refused(cell: str) -> None:
    data = f"{HEADER},anomaly_threshold\nA,012345678901,a@x.org,{cell}\n"
    _, teams, (problem,) = await imported(data)
    assert (teams, problem.field) == ([], "anomaly_threshold")


async def test_a_changed_threshold_is_shown_as_it_will_be() -> None:
    store = MemoryStore()
    head = f"{HEADER},anomaly_threshold\nA,012345678901,a@x.org,"
    await imported(f"{head}20\n", store)
    result, *_ = await imported(f'{head}"1,000"\n', store, dry_run=True)
    assert result.changes == ["A: anomaly_threshold 20% > 1,000%"]


@pytest.mark.parametrize(
    "cell",
    [
        "b@x.org; c@x.org",
        '"b@x.org, c@x.org"',
        '"b@x.org\nc@x.org"',
        '"Family, B <b@x.org>; c@x.org"',
    ],
)
async def test_admin_emails_are_read_however_they_are_separated(cell: str) -> None:
    data = f"{HEADER},admin_emails\nA,012345678901,a@x.org,{cell}\n"
    _, (team,), problems = await imported(data)
    assert (team.admin_emails, problems) == (("b@x.org", "c@x.org"), [])


async def test_a_team_has_one_address() -> None:
    _, teams, (problem,) = await imported(f"{HEADER}\nA,012345678901,a@x.org; b@x.org\n")
    assert (teams, problem.field, problem.reason) == (
        [],
        "team_email",
        "has 2 addresses; give one",
    )


async def test_a_pasted_list_is_read_as_the_csv_is() -> None:
    fields = {"team_name": "A", "aws_account_id": "'0123-4567-8901", "team_email": "A <a@x.org>"}
    items: list[Any] = [
        {**fields, "anomaly_threshold": "1,000", "admin_emails": "b@x.org, C <c@x.org>"},
        {**fields, "anomaly_threshold": "33,333"},
        {**fields, "admin_emails": ["B <b@x.org>", 5]},
        {**fields, "anomaly_threshold": 12.5, "admin_emails": None},
    ]
    rows, (problem,) = rows_of_pasted_list(items)
    assert (problem.index, problem.field) == (1, "anomaly_threshold")
    assert rows[0].values["anomaly_threshold"] == 1000.0
    assert rows[0].values["admin_emails"] == ["b@x.org", "c@x.org"]
    assert rows[1].values["admin_emails"] == ["b@x.org", 5]
    assert rows[2].values == {
        **fields,
        "team_email": "a@x.org",
        **dict(list(items[3].items())[3:]),
    }


async def test_an_account_written_otherwise_is_the_stored_one() -> None:
    store = MemoryStore()
    await imported(f"{HEADER}\nA,012345678901,a@x.org\n", store)
    result, *_ = await imported(f"{HEADER}\nA,0123\u20114567\u20118901,a@x.org\n", store)
    again, *_ = await imported(f"{HEADER}\nA,012345678901.0,a@x.org\n", store)
    assert (result.unchanged, again.unchanged) == (1, 1)


async def test_importing_again_changes_nothing_and_a_change_is_one_update() -> None:
    store = MemoryStore()
    data = f"{HEADER}\nA,111111111111,a@x.org\nB,222222222222,b@x.org\n"
    first, *_ = await imported(data, store)
    again, *_ = await imported(data, store)
    changed, teams, _ = await imported(data.replace("b@x.org", "new@x.org"), store)
    assert (first.created, again.created, again.updated, again.unchanged) == (2, 0, 0, 2)
    assert (changed.updated, changed.unchanged) == (1, 1)
    assert teams[1].team_email == "new@x.org"


async def test_an_absent_column_and_an_empty_cell_keep_what_is_stored() -> None:
    store = MemoryStore()
    full = f"{HEADER},admin_emails,anomaly_threshold\nA,111111111111,a@x.org,l@x.org,30\n"
    await imported(full, store)
    _, (team,), _ = await imported(f"{HEADER}\nA,111111111111,a@x.org\n", store)
    assert (team.admin_emails, team.anomaly_threshold) == (("l@x.org",), 30.0)


async def test_a_dry_run_stores_nothing() -> None:
    result, teams, _ = await imported(f"{HEADER}\nA,111111111111,a@x.org\n", dry_run=True)
    assert (result.created, teams) == (1, [])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"team_name,team_email\n", "aws_account_id"),
        (f"{HEADER},colour\n".encode(), "colour"),
        (f"{HEADER},team_name\n".encode(), "repeated"),
        (f'{HEADER}\n"A,1,2\n'.encode(), "starts on line 2 is not valid CSV.* quotation"),
        (f'{HEADER}\nA,1,2\n\n"B,1,2\nC,1,2\n'.encode(), "starts on line 4 is not valid CSV"),
        (f'{HEADER}\n"A"B,1,2\nC,1,2\n'.encode(), "starts on line 2 is not valid CSV"),
        (b"\xff\x00\x12", "UTF-8"),
        (b"PK\x03\x04\x00\x00", "text"),
    ],
    ids=[
        *("nothing", "blank", "lacks", "unknown", "repeated"),
        *("open quote", "open quote further down", "text after a quote", "binary", "xlsx"),
    ],
)
def test_an_invalid_file_says_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        parse_csv(data)


@given(st.binary(max_size=300))
def test_no_file_breaks_it(data: bytes) -> None:
    try:
        parse_csv(data)
    except AgentError as error:
        assert str(error)


@given(st.lists(st.lists(st.text(max_size=20), min_size=1, max_size=5), max_size=5))
def test_no_rows_break_it(rows: list[list[str]]) -> None:
    text = "\n".join([HEADER, *(",".join(row) for row in rows)])
    try:
        parse_csv(text.encode("utf-8", "replace"))
    except AgentError as error:
        assert str(error)


async def test_the_line_that_names_the_separator_counts_as_a_line() -> None:
    _, _, problems = await imported(f"sep=;\n{HEADER.replace(',', ';')}\nA;1;a@x.org\n")
    assert [(problem.line, problem.reason) for problem in problems] == [
        (3, "has 1 digit, needs 12; a spreadsheet may have dropped leading zeros")
    ]


@pytest.mark.parametrize("cell", ['=""1+1""', "=1+1", '=""012345678901""&""9""'])
async def test_another_formula_is_not_an_account_id(cell: str) -> None:
    result, teams, (problem,) = await imported(f'{HEADER}\nA,"{cell}",a@x.org\n')
    assert (result.created, teams, problem.field) == (0, [], "aws_account_id")


class ChangedMeanwhile(MemoryTeams):
    """Between the look at what is stored and the writing, somebody else removes and adds teams."""

    def __init__(self, removed: str, added: Team) -> None:
        super().__init__()
        self._removed, self._added = removed, added

    async def list_teams(self, *, sample: bool) -> list[Team]:
        found = await super().list_teams(sample=sample)
        gone = [one for one in found if one.aws_account_id == self._removed]
        for one in gone:
            await self.remove(one.id)
        if gone:
            await self.add(self._added)
        return found


async def test_what_others_change_meanwhile_fails_its_own_row_alone() -> None:
    store = MemoryStore()
    other = Team(
        id="other",
        team_name="Other",
        aws_account_id="2" * 12,
        team_email="other@x.org",
        created_at=NOW,
        updated_at=NOW,
    )
    meanwhile = ChangedMeanwhile("1" * 12, other)
    gone = other.model_copy(update={"id": "gone", "aws_account_id": "1" * 12})
    await meanwhile.add(gone)
    teams = Teams(meanwhile, AuditTrail(store.audit_entries), source="datadog")
    rows, _ = parse_csv(
        f"{HEADER}\nGone,111111111111,g@x.org\nTaken,222222222222,t@x.org\n"
        "Good,333333333333,good@x.org\n".encode()
    )
    result = await teams.import_rows(rows, ACTOR, NOW, dry_run=False)
    assert [(one.index, one.field) for one in result.failed] == [
        (0, "aws_account_id"),
        (1, "aws_account_id"),
    ]
    assert "There is no team" in result.failed[0].reason
    assert [edit.team_name for edit in result.edits] == ["Good"]
    assert {team.team_name for team in await teams.list()} == {"Other", "Good"}


async def test_a_database_outage_ends_the_import_and_says_so() -> None:
    class Gone(MemoryTeams):
        async def add(self, team: Team) -> None:
            if team.aws_account_id.startswith("2"):
                raise StoreUnavailableError("MongoDB is not responding.")
            await super().add(team)

    store = MemoryStore()
    teams = Teams(Gone(), AuditTrail(store.audit_entries), source="datadog")
    rows, _ = parse_csv(f"{HEADER}\nA,111111111111,a@x.org\nB,222222222222,b@x.org\n".encode())
    with pytest.raises(StoreUnavailableError):
        await teams.import_rows(rows, ACTOR, NOW, dry_run=False)
    assert [team.team_name for team in await teams.list()] == ["A"]


async def test_a_dry_run_of_many_rows_says_what_the_run_then_does() -> None:
    lines = [f"Team {i},{100_000_000_000 + i},t{i}@x.org" for i in range(120)]
    store = MemoryStore()
    first = await imported("\n".join([HEADER, *lines[:60]]), store)
    assert first[0].created == 60
    changed = [line.replace("Team", "Squad") if i % 2 else line for i, line in enumerate(lines)]
    data = "\n".join([HEADER, *changed, "Bad,1,b@x.org"])
    dry, _, _ = await imported(data, store, dry_run=True)
    real, teams, _ = await imported(data, store)
    assert (dry.created, dry.updated, dry.unchanged, len(dry.failed)) == (60, 30, 30, 1)
    assert real == dry
    assert len(teams) == 120
    again, _, _ = await imported(data, store)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 120)


async def test_nothing_said_of_admins_takes_them_away_in_the_dry_run_and_in_the_run() -> None:
    store = MemoryStore()
    await imported(f"{HEADER},admin_emails\nA,{'1' * 12},a@x.org,b@x.org", store)
    teams = Teams(store.teams, AuditTrail(store.audit_entries), source="datadog")
    rows, _ = rows_of_list([{"aws_account_id": "1" * 12, "admin_emails": None}])
    dry = await teams.import_rows(rows, ACTOR, NOW, dry_run=True)
    assert await teams.import_rows(rows, ACTOR, NOW, dry_run=False) == dry
    assert (dry.updated, dry.failed) == (1, [])
    assert [team.admin_emails for team in await teams.list()] == [()]
