"""Which language a person reads: chosen on the settings page, else that of the last page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import translation

from wattkeep.monitoring.models import PersonLanguage

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def language_of(user_id: int) -> str:
    """Return the code of a person's language; the installation's where none is known."""
    known = PersonLanguage.objects.filter(pk=user_id).values_list("language", flat=True).first()
    return known if known in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def speak_to(user_id: int) -> AbstractContextManager[None]:
    """Have what is written inside be in a person's language."""
    return translation.override(language_of(user_id))


def choose_language(user_id: int, language: str) -> None:
    """Keep the language a person chose; "" goes by the browser again."""
    if not language:
        PersonLanguage.objects.filter(pk=user_id).delete()
        return
    PersonLanguage.objects.update_or_create(
        pk=user_id, defaults={"language": language, "is_chosen": True}
    )


def language_for_page(user_id: int, browsers: str) -> str:
    """Return the language to show a page in, and remember the browser's if nobody chose one."""
    kept = PersonLanguage.objects.filter(pk=user_id).first()
    if kept is not None and kept.is_chosen and kept.language in dict(settings.LANGUAGES):
        return kept.language
    if kept is None or kept.language != browsers:
        PersonLanguage.objects.bulk_create(
            [PersonLanguage(pk=user_id, language=browsers)],
            update_conflicts=True,
            unique_fields=["user"],
            update_fields=["language"],
        )
    return browsers
