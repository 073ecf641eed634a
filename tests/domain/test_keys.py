"""Device keys: their shape, what is kept of them, and signatures in their place."""

import hashlib
import hmac
import re

from wattkeep.domain.keys import is_signature, key_hash, key_prefix, new_key, signing_key


def test_new_key_survives_a_url_a_header_and_a_double_click():
    assert re.fullmatch(r"[a-z0-9]{8}_[a-z0-9]{39}", new_key())


def test_new_keys_differ_in_prefix_and_secret():
    keys = [new_key() for _ in range(500)]

    assert len({key_prefix(key) for key in keys}) == 500
    assert len({key.partition("_")[2] for key in keys}) == 500


def test_key_prefix_is_what_stands_before_the_underscore():
    assert key_prefix("abcd2345_secret") == "abcd2345"


def test_key_hash_is_sha_256():
    assert key_hash("a-key") == hashlib.sha256(b"a-key").digest()


def test_key_hash_takes_any_text():
    assert len(key_hash("clé \x00 ключ")) == 32


def test_signing_key_is_derived_and_is_not_the_hash():
    key = new_key()

    assert signing_key(key) == hmac.digest(key.encode(), b"wattkeep-sign", "sha256")
    assert signing_key(key) != key_hash(key)


def test_signature_holds_for_its_body_and_key_only():
    secret = signing_key("a-key")
    text = "sha256=" + hmac.digest(secret, b"body", "sha256").hex()

    assert is_signature(text, b"body", secret)
    assert is_signature(text.upper().replace("SHA256", "sha256"), b"body", secret)
    assert not is_signature(text, b"body ", secret)
    assert not is_signature(text, b"body", signing_key("another"))
    assert not is_signature(text.removeprefix("sha256="), b"body", secret)
    assert not is_signature("", b"body", secret)
    assert not is_signature("sha256=é", b"body", secret)
