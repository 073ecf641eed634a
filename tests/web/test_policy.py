"""The Content-Security-Policy, and templates that keep it."""

import re
from pathlib import Path

import pytest
from django.template.loader import get_template

import wattkeep.web
from wattkeep.web.middleware import HEADER

TEMPLATES = Path(wattkeep.web.__file__).parent / "templates"
FILES = [path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")]


def sources(response):
    pairs = (part.split(" ", 1) for part in response.headers[HEADER].split("; "))
    return dict(pairs)


@pytest.mark.parametrize("address", ["/login/", "/admin/login/", "/no/such/page/", "/api/schema/"])
def test_every_answer_has_the_policy(address, owner, nobody):
    policy = sources(nobody.get(address))

    assert policy == {
        "default-src": "'self'",
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


def test_no_page_may_do_what_is_unsafe(owner, as_owner):
    answers = [as_owner.get(address) for address in ("/", "/api/docs/", "/admin/login/")]

    assert [one.headers[HEADER].count("unsafe") for one in answers] == [0, 0, 0]


@pytest.mark.parametrize("name", FILES)
def test_template_has_nothing_inline(name):
    text = get_template(name).template.source
    # Mail programs show no other styles; the preview of a mail has a policy of its own.
    styles = "" if name.startswith("mail/") else r"<style|\sstyle=|"

    assert not re.search(styles + r"<script>|\son\w+=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"""(?:src|href)=["']https?:""", text)
