"""The mail server that one address names."""

import pytest

from wattkeep.domain.mail_url import MailServer


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "smtps://ada:p%40ss@mail.example.org?from=energy@example.org",
            MailServer("mail.example.org", 465, "ada", "p@ss", "tls", "energy@example.org"),
        ),
        (
            "smtp://ada@example.org:word@mail.example.org:2525",
            None,
        ),
        (
            "smtp://ada%40example.org:word@mail.example.org:2525",
            MailServer(
                "mail.example.org", 2525, "ada@example.org", "word", "starttls", "ada@example.org"
            ),
        ),
        (
            "smtp+plain://localhost?from=energy@example.org",
            MailServer("localhost", 25, "", "", "none", "energy@example.org"),
        ),
    ],
    ids=["tls", "two-ats", "starttls", "plain"],
)
def test_address_names_a_server(url, expected):
    if expected is not None:
        assert MailServer.parse(url) == expected
    else:
        assert MailServer.parse(url).host == "mail.example.org"


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "https://mail.example.org?from=a@example.org",
        "smtp://?from=a@example.org",
        "smtp://ada:s3cret@mail.example.org",
        "smtp://ada:s3cret@mail.example.org:port?from=a@example.org",
        "smtp://ada:s3cret@mail.example.org?from=ada",
    ],
)
def test_address_that_names_none_is_refused_without_its_password(url):
    with pytest.raises(ValueError, match="write smtps://") as refusal:
        MailServer.parse(url)

    assert "s3cret" not in str(refusal.value)
