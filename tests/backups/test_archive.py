import io
import os

import pytest

from wattkeep.backups.archive import BackupError, Manifest, extract, is_encrypted, writing
from wattkeep.backups.sealed import CHUNK_BYTES, SealedReader, SealingWriter, WrongPassphraseError


def manifest():
    return Manifest("1.0", "sqlite", "2026-11-23T12:00:00+00:00", {"monitoring": "0001"}, {"a": 1})


def write(path, passphrase=""):
    content = os.urandom(1_200_000)
    (path.parent / "big").write_bytes(content)
    with writing(path, manifest(), passphrase) as archive:
        archive.add("big", path.parent / "big")
        archive.add_bytes("small", b"secret words")
    return content


@pytest.mark.parametrize("passphrase", ["", "lantern orbit"])
def test_what_was_written_comes_back(tmp_path, passphrase):
    path, into = tmp_path / "backup", tmp_path / "out"
    into.mkdir()
    content = write(path, passphrase)

    found = extract(path, into, passphrase)

    assert (into / "big").read_bytes() == content
    assert (into / "small").read_bytes() == b"secret words"
    assert found.rows == {"a": 1}
    assert is_encrypted(path) is bool(passphrase)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (b"secret words" in path.read_bytes()) is False


@pytest.mark.parametrize("passphrase", ["", "lantern orbit"])
@pytest.mark.parametrize("where", [100, 600_000, -3])
def test_damaged_bytes_or_a_cut_is_noticed(tmp_path, passphrase, where):
    path = tmp_path / "backup"
    write(path, passphrase)
    whole = path.read_bytes()
    for number, damaged in enumerate(
        # One bit of a compressed file may mean nothing; eight bytes never do.
        [whole[:where] + bytes(b ^ 1 for b in whole[where:][:8]) + whole[where:][8:], whole[:where]]
    ):
        path.write_bytes(damaged)
        into = tmp_path / f"out{number}"
        into.mkdir()

        with pytest.raises(BackupError):
            extract(path, into, passphrase)


def test_a_wrong_or_missing_passphrase_is_told(tmp_path):
    path = tmp_path / "backup"
    write(path, "lantern orbit")

    with pytest.raises(BackupError, match="passphrase is wrong"):
        extract(path, tmp_path, "lantern orbis")
    with pytest.raises(BackupError, match="give its passphrase"):
        extract(path, tmp_path, "")


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3_000_000])
def test_sealed_sizes_around_a_chunk(size):
    content, file = os.urandom(size), io.BytesIO()
    with SealingWriter(file, "words") as sealing:
        sealing.write(content)
    file.seek(0)

    assert io.BufferedReader(SealedReader(file, "words")).read() == content


def test_chunks_cannot_change_places_or_be_left_out():
    file = io.BytesIO()
    with SealingWriter(file, "words") as sealing:
        sealing.write(os.urandom(3 * CHUNK_BYTES))
    whole, sealed_chunk = file.getvalue(), CHUNK_BYTES + 16
    head = len(whole) - 3 * sealed_chunk
    chunks = [whole[head + i * sealed_chunk : head + (i + 1) * sealed_chunk] for i in range(3)]

    for order in ([1, 0, 2], [0, 2], [0, 1]):
        mixed = whole[:head] + b"".join(chunks[i] for i in order)
        with pytest.raises(WrongPassphraseError):
            io.BufferedReader(SealedReader(io.BytesIO(mixed), "words")).read()
