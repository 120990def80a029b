"""Addresses of MongoDB: what the driver would misread is refused before it prints a password."""

import re

import pytest

from services.adapters.store.client import open_client
from services.domain.errors import SettingsError


@pytest.mark.parametrize("url", ["", "nonsense", "db.example.com:27017", "://db"])
def test_text_without_a_scheme_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="MONGO_URL is not a MongoDB address"):
        open_client(url)


@pytest.mark.parametrize(
    "password", ["Q1@Z2", "Q1@Z2/X3", "Q1/Z2", "Q1/Z2@X3", "@", "Q1:Z2@X3", "Q1%zz@Z2", "Q1?Z2"]
)
def test_a_password_that_is_not_encoded_is_never_printed(password: str) -> None:
    with pytest.raises(SettingsError, match="MONGO_URL") as refused:
        open_client(f"mongodb://agent:{password}@db.example.com:27017/costs")
    assert not {"Q1", "Z2", "X3"} & set(re.findall(r"[A-Z][0-9]", str(refused.value)))


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://agent:p%40ss%2Fword@db.example.com:27017/costs?appName=a@b",
        "mongodb://a.example.com,b.example.com/?replicaSet=rs",
        "mongodb://%2Ftmp%2Fmongod.sock/?journal=true",
    ],
)
async def test_other_addresses_are_taken(url: str) -> None:
    open_client(url).close()
