"""The mail server that one address names: `smtps://user:password@host:465?from=…`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

# scheme → its port, and how the connection is encrypted
SCHEMES = {"smtps": (465, "tls"), "smtp": (587, "starttls"), "smtp+plain": (25, "none")}
HOW_TO_WRITE = (
    "write smtps://user:password@host?from=wattkeep@example.org, smtp:// for STARTTLS, or"
    " smtp+plain:// for no encryption"
)


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed over, and whose it is."""

    host: str
    port: int
    user: str
    password: str
    encryption: str
    sender: str

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """Return what a URL names.

        Raises:
            ValueError: it names none; the message says what to write, and never the password.
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise ValueError(HOW_TO_WRITE)
        usual_port, encryption = SCHEMES[parts.scheme]
        try:
            port = parts.port or usual_port
        except ValueError:
            raise ValueError(f"the port is none; {HOW_TO_WRITE}") from None
        user = unquote(parts.username or "")
        senders = parse_qs(parts.query).get("from") or ([user] if "@" in user else [])
        if not senders or "@" not in senders[0]:
            raise ValueError(f"?from= must name the sender's address; {HOW_TO_WRITE}")
        return cls(
            parts.hostname, port, user, unquote(parts.password or ""), encryption, senders[0]
        )
