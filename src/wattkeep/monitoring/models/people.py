"""What is kept of a person beside the account."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class PersonLanguage(models.Model):
    """The language somebody reads; messages that no page asked for are written in it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    language = models.CharField(max_length=16)
    # False: the browser's, as of the last page.
    is_chosen = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.language
