"""Who the admins are, and who the reader is."""

from collections.abc import Sequence

from cards.elements import (
    Element,
    card,
    choice_input,
    execute,
    facts,
    heading,
    note,
    plain,
    table,
    text,
)
from services.domain import AdminEntry, Person, Role
from services.domain.formatting import day

MAX_ROWS = 20


def whoami_card(person: Person, role: Role) -> Element:
    """The reader's role and Entra IDs."""
    return card(
        [
            heading(f"You are {'an admin' if role == 'admin' else 'a viewer'}"),
            facts(
                [
                    ("Name", plain(person.name, 80)),
                    ("Object ID", plain(person.object_id, 80)),
                    ("Tenant", plain(person.tenant_id or "local mode", 80)),
                ]
            ),
        ]
    )


def admin_list(
    granted: Sequence[AdminEntry], configured: Sequence[str], local_for_all: bool
) -> Element:
    """Admins by grant, which can be revoked here, and by setting, which cannot."""
    rows = [
        [plain(admin.name or admin.object_id, 60), day(admin.since.date()), plain(admin.by, 60)]
        for admin in granted
    ]
    rows += [[plain(object_id, 60), "", "settings"] for object_id in configured]
    more = len(rows) - MAX_ROWS
    choices = [
        (plain(admin.name or admin.object_id, 60), admin.object_id) for admin in granted[:MAX_ROWS]
    ]
    columns = [("Admin", 5, False), ("Since", 3, False), ("By", 4, False)]
    from_settings = "Admins by “settings” are those in ADMIN_AAD_OBJECT_IDS."
    return card(
        [
            heading("Admins"),
            table(columns, rows[:MAX_ROWS]) if rows else None,
            note(f"and {more:,} more") if more > 0 else None,
            text("Local mode: everybody on this machine is an admin.") if local_for_all else None,
            note("To add an admin, write grant @name. To remove one, write revoke @name."),
            note(from_settings) if configured else None,
            choice_input("person", "Admin", choices) if choices else None,
        ],
        [execute("Revoke", "roles.revoke", inputs=True)] if choices else [],
    )
