"""The key-encryption key: made once, for its owner alone, and nothing opens out of context."""

import itertools
import stat
import threading

import pytest

from support.requirement import requirement
from tokenry.signers.local import FileKeyWrapper, KeyFileRefused
from tokenry.signers.local.file_key_wrapper import KEY_FILE
from tokenry.vocabulary.errors import SignerUnavailable


def test_the_key_file_is_made_for_its_owner_alone(tmp_path):
    FileKeyWrapper.open(tmp_path)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE], "no draft is left behind"


@requirement("G-5")
def test_what_was_wrapped_opens_after_a_restart(tmp_path):
    wrapped = FileKeyWrapper.open(tmp_path).wrap(b"private", associated=b"context")
    assert FileKeyWrapper.open(tmp_path).unwrap(wrapped, associated=b"context") == b"private"
    assert b"private" not in wrapped


@requirement("G-5")
def test_nothing_opens_with_other_associated_data(tmp_path):
    wrapper = FileKeyWrapper.open(tmp_path)
    wrapped = wrapper.wrap(b"private", associated=b"context")
    for other in (b"", b"contexT", b"context ", b"contex"):
        with pytest.raises(SignerUnavailable):
            wrapper.unwrap(wrapped, associated=other)


@requirement("G-5")
def test_an_altered_byte_anywhere_keeps_it_shut(tmp_path):
    wrapper = FileKeyWrapper.open(tmp_path)
    wrapped = wrapper.wrap(b"private", associated=b"context")
    for position in range(len(wrapped)):
        altered = bytearray(wrapped)
        altered[position] ^= 1
        with pytest.raises(SignerUnavailable):
            wrapper.unwrap(bytes(altered), associated=b"context")


def test_what_is_too_short_is_refused(tmp_path):
    wrapper = FileKeyWrapper.open(tmp_path)
    for length in range(29):
        with pytest.raises(SignerUnavailable):
            wrapper.unwrap(b"\x01" * length, associated=b"")


def test_each_wrapping_has_its_own_nonce(tmp_path):
    wrapper = FileKeyWrapper.open(tmp_path)
    nonces = {wrapper.wrap(b"private", associated=b"")[1:13] for _ in range(100)}
    assert len(nonces) == 100


def test_the_key_of_another_directory_does_not_open_it(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    wrapped = FileKeyWrapper.open(one).wrap(b"private", associated=b"")
    with pytest.raises(SignerUnavailable, match="restore it"):
        FileKeyWrapper.open(other).unwrap(wrapped, associated=b"")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610, 0o601, 0o644])
def test_a_key_file_that_others_can_use_is_refused_with_what_to_do(tmp_path, mode):
    FileKeyWrapper.open(tmp_path)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(KeyFileRefused, match=f"{mode:04o}.*chmod 600"):
        FileKeyWrapper.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"tkk_\n", b"tkk_" + b"A" * 42, b"A" * 43, b"x" * 9999])
def test_a_file_without_a_key_is_never_replaced(tmp_path, content):
    path = tmp_path / KEY_FILE
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileRefused, match="Restore it"):
        FileKeyWrapper.open(tmp_path)
    assert path.read_bytes() == content


def test_a_link_in_place_of_the_file_is_refused(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    FileKeyWrapper.open(elsewhere)
    (tmp_path / KEY_FILE).symlink_to(elsewhere / KEY_FILE)
    with pytest.raises(KeyFileRefused):
        FileKeyWrapper.open(tmp_path)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(KeyFileRefused, match="absent"):
        FileKeyWrapper.open(tmp_path / "absent")


def test_of_many_that_find_no_file_all_get_the_same_key(tmp_path):
    starters = 8
    barrier = threading.Barrier(starters)
    wrappers = []

    def start():
        barrier.wait()
        wrappers.append(FileKeyWrapper.open(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(starters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in itertools.product(wrappers, repeat=2):
        assert other.unwrap(one.wrap(b"p", associated=b""), associated=b"") == b"p"
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@requirement("G-5")
def test_a_missing_file_is_not_replaced_where_keys_were_wrapped_under_it(tmp_path):
    with pytest.raises(KeyFileRefused, match=r"missing.*restore it from its backup"):
        FileKeyWrapper.open(tmp_path, may_make=False)
    assert list(tmp_path.iterdir()) == []
