"""What dev/demo stands on, and, where slow tests run, the whole of it."""

import os
import shutil
import smtplib
import subprocess
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from stdnum.fr import siret, tva

from dev import demo
from dev.postbox import Postbox

ROOT = Path(__file__).parents[1]
DATABASE = "relance_demo_test"


def _mail(text="Bonjour,\n.\nà bientôt"):
    mail = EmailMessage()
    mail["From"] = "comptable@mobilier.example"
    mail["To"] = "Client <client@client.example>"
    mail["Subject"] = "Deuxième rappel"
    mail["Message-Id"] = "<1.2.3@mobilier.example>"
    mail.set_content(text)
    return mail


def test_postbox_keeps_the_mail_as_it_came():
    with Postbox() as postbox:
        with smtplib.SMTP("127.0.0.1", postbox.port) as client:
            client.send_message(_mail())
            client.send_message(_mail("encore"))
        first, second = postbox.take()
        postbox.shutdown()
    assert first[0] == ["client@client.example"]
    kept = message_from_bytes(first[1], policy=policy.default)
    assert kept["Subject"] == "Deuxième rappel"
    assert kept.get_content().splitlines() == ["Bonjour,", ".", "à bientôt"]
    assert b"encore" in second[1]


def test_bounce_names_mail_and_recipient():
    bounce = message_from_bytes(
        demo.bounce_of(bytes(_mail()), "bounce@mobilier.example"), policy=policy.default
    )
    assert bounce.get_content_type() == "multipart/report"
    assert bounce["To"] == "bounce@mobilier.example"
    parts = {part.get_content_type(): part for part in bounce.walk()}
    assert "client@client.example" in str(parts["message/delivery-status"])
    assert "<1.2.3@mobilier.example>" in parts["text/rfc822-headers"].get_payload()


def test_numbers_are_french():
    assert siret.is_valid(demo.COMPANY["company_registry"])
    assert tva.is_valid(demo.COMPANY["vat"])
    for values in demo.NEW_CUSTOMERS.values():
        assert siret.is_valid(values.get("company_registry", demo.COMPANY["company_registry"]))
        assert tva.is_valid(values.get("vat", demo.COMPANY["vat"]))


def test_story_speaks_of_what_there_is():
    customers = {*demo.CUSTOMERS, *demo.NEW_CUSTOMERS}
    for day, what, *how in demo.STORY:
        assert 1 <= day <= demo.DAYS
        assert callable(getattr(demo.Life, what))
        if what not in ("match", "set_off", "bank_fees"):
            assert how[0] in customers
    bank = sorted(day for day, what, *_how in demo.STORY if what == "bank_fees")
    assert 12 in [later - earlier - 1 for earlier, later in zip(bank, bank[1:], strict=False)]


def test_dates_and_names():
    assert demo.french(date(2026, 6, 1)) == "1er juin 2026"
    assert demo.french(date(2026, 6, 11)) == "11 juin 2026"
    assert demo.slug("Hélène Garnier & fils") == "helene-garnier-fils"
    holidays = dict(demo.public_holidays(date(2026, 4, 1), date(2026, 5, 31)))
    assert list(holidays) == [
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 5, 8),
        date(2026, 5, 14),
        date(2026, 5, 25),
    ]


def test_missing_letter_is_a_failure():
    with pytest.raises(demo.Failure, match="premiere-relance, releve-de-compte"):
        demo.check(None, {*demo.LETTERS} - {"friendly"}, None)


def test_unknown_option_is_refused():
    run = subprocess.run([ROOT / "dev/demo", "--twice"], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr == "usage: dev/demo [--once]\n"


@pytest.mark.relance_slow
def test_once():
    """All five letters, the statement, mails, an account of it; nothing is left running."""
    out = ROOT / ".host" / DATABASE.removeprefix("relance_")
    environment = {**os.environ, "RELANCE_DEMO_DB": DATABASE}
    try:
        run = subprocess.run(
            [ROOT / "dev/demo", "--once"], env=environment, capture_output=True, text=True, timeout=300
        )
        assert run.returncode == 0, run.stderr
        letters = [path.name for path in (out / "letters").glob("*.pdf")]
        for name in (*demo.LETTERS.values(), demo.STATEMENT):
            assert any(name in letter for letter in letters), name
        assert len(list((out / "mails").glob("*.eml"))) > 20
        for words in ("Acme Corporation", "Azure Interior", "Aucun message.", "Relancé"):
            assert words in run.stdout
        sessions = subprocess.run(
            ["psql", "-d", "postgres", "-Atc"]
            + [f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{DATABASE}'"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert sessions.strip() == "0"
    finally:
        subprocess.run([ROOT / "dev/odoo", "db", "drop", DATABASE], capture_output=True)
        shutil.rmtree(out, ignore_errors=True)
