"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes, one lane: OWASP's figures for small machines.

    Django's own take 100 MiB and eight lanes; four log-ins at once on a Raspberry Pi could not.
    """

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
