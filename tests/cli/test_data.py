# SPDX-License-Identifier: MIT
"""notso data: the chats' file is checked, copied and made small, beside a server where that is safe."""

import os
import sqlite3
import stat

import pytest

from serving import Browser, Server


@pytest.fixture
def data(notso, tmp_path):
    """A data folder in which somebody has chatted."""
    folder = tmp_path / "data"
    with Server(notso, tmp_path, "--data", folder) as server:
        Browser(server).request("POST", "/messages", {"text": "/help", "chat": "0"})
    return folder


def lines(done):
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


def test_check(run, data):
    place, counts, verdict = lines(run(["data", "check", "--data", data]))
    assert place.startswith(f"{data}/chats.db: format ")
    assert counts == "1 sessions, 1 chats, 2 messages, 0 deleted messages"
    assert verdict == "sound"


def test_who_may_read_it(data):
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "chats.db").stat().st_mode) == 0o600


def test_beside_a_server(notso, run, fails, data, tmp_path):
    copy = tmp_path / "copy.db"
    with Server(notso, tmp_path, "--data", data) as server:
        Browser(server).request("POST", "/messages", {"text": "/help", "chat": "0"})
        assert lines(run(["data", "check", "--data", data]))[1:] == [
            "2 sessions, 2 chats, 4 messages, 0 deleted messages", "sound"
        ]
        assert lines(run(["data", "backup", copy, "--data", data])) == [str(copy)]
        fails(["data", "vacuum", "--data", data], "in use by another server", code=1)
        fails(["serve", "--port", "0", "--data", data], "in use by another server", code=1)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    fails(["data", "backup", copy, "--data", data], "copy.db exists already", code=1)
    (tmp_path / "other").mkdir()
    copy.rename(tmp_path / "other" / "chats.db")
    assert lines(run(["data", "check", "--data", tmp_path / "other"]))[1:] == [
        "2 sessions, 2 chats, 4 messages, 0 deleted messages", "sound"
    ]


def test_vacuum(run, data):
    database = sqlite3.connect(data / "chats.db")
    database.execute("UPDATE chats SET deleted_ms = 1")
    database.commit()
    database.close()
    assert lines(run(["data", "check", "--data", data]))[1] == (
        "1 sessions, 0 chats, 0 messages, 2 deleted messages"
    )
    assert lines(run(["data", "vacuum", "--data", data]))[1:] == [
        "1 sessions, 0 chats, 0 messages, 0 deleted messages", "sound"
    ]


def test_faults_are_named(run, data):
    database = sqlite3.connect(data / "chats.db")
    database.execute("UPDATE messages SET depth = 7 WHERE parent <> 0")
    database.commit()
    database.close()
    done = run(["data", "check", "--data", data])
    assert done.returncode == 1
    assert "message 2 does not follow message 1" in done.stdout
    assert "damaged" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("environment, expected", [
    ({"XDG_DATA_HOME": "{}/x", "HOME": "{}/h"}, "{}/x/notso/chats.db"),
    ({"XDG_DATA_HOME": "relative", "HOME": "{}/h"}, "{}/h/.local/share/notso/chats.db"),
    ({"XDG_DATA_HOME": "", "HOME": "{}/h"}, "{}/h/.local/share/notso/chats.db"),
    ({"XDG_DATA_HOME": "", "HOME": ""}, "--data names one"),
])
def test_where_it_is_looked_for(fails, tmp_path, environment, expected):
    env = {name: value.format(tmp_path) for name, value in environment.items()}
    fails(["data", "check"], expected.format(tmp_path), code=1, env=env)
    assert list(tmp_path.iterdir()) == []  # only looked


@pytest.mark.parametrize("words", [
    [], ["chck"], ["check", "x"], ["backup"], ["backup", "a", "b"], ["vacuum", "x"],
])
def test_wrong_words(run, tmp_path, words):
    done = run(["data", *words, "--data", tmp_path])
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_what_is_no_file_of_chats(fails, run, tmp_path):
    file = tmp_path / "chats.db"
    for command in (["check"], ["vacuum"], ["backup", tmp_path / "copy"]):
        fails(["data", *command, "--data", tmp_path], "no chats have been kept there", code=1)
    file.write_bytes(os.urandom(5000))
    for command in (["check"], ["vacuum"], ["backup", tmp_path / "copy"]):
        fails(["data", *command, "--data", tmp_path], "chats.db is damaged, or no file of chats", code=1)
    assert not (tmp_path / "copy").exists()
    fails(["serve", "--port", "0", "--data", tmp_path], "chats.db is damaged", ".recover", code=1)
