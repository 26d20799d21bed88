# SPDX-License-Identifier: MIT
"""kill -9 at random moments: nothing acknowledged is lost, replies are whole or have their beginning.

A few rounds belong to the tests; NOTSO_KILL_ROUNDS=200 makes it 200. Each round starts the server on the same
chats, lets people talk to it at once, kills it, and looks at the file.
"""

import collections
import contextlib
import http.client
import os
import random
import sqlite3
import threading
import time

from serving import Browser, Reply, Server

ROUNDS = int(os.environ.get("NOTSO_KILL_ROUNDS") or 5)
PEOPLE = 4
DONE, INTERRUPTED = 1, 5


class Person(threading.Thread):
    """Sends one message after the other, waits for no reply, and writes down what the server has taken."""

    def __init__(self, server, cookie):
        super().__init__()
        self.browser, self.taken = Browser(server), collections.Counter()  # messages by chat
        self.browser.cookie = cookie

    def run(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                answer = self.browser.say("/quote", htmx=False)
                if answer.status == 303:
                    self.taken[self.browser.chat] += 1
                time.sleep(random.random() * 0.3)
                if random.random() < 0.6:  # the old one is busy for three seconds
                    self.browser.chat = 0


def read_messages(file):
    return file.execute("SELECT m.chat, m.role, m.state, p.text FROM messages m"
                        " LEFT JOIN parts p ON p.id = 4 * m.id ORDER BY m.id").fetchall()


def test_nothing_is_lost(notso, tmp_path, run):
    random.seed(1)
    taken, cookies = collections.Counter(), [None] * PEOPLE
    path = tmp_path / "data" / "notso" / "chats.db"
    for _ in range(ROUNDS):
        server = Server(notso, tmp_path)
        people = [Person(server, cookie) for cookie in cookies]
        for person in people:
            person.start()
        time.sleep(0.2 + random.random() * 3)
        server.process.kill()
        for person in people:
            person.join(60)
        server.stop()
        cookies = [person.browser.cookie for person in people]
        for person in people:
            taken.update(person.taken)
        with contextlib.closing(sqlite3.connect(path)) as file:
            assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with Server(notso, tmp_path) as server:  # a last start brings order, and a reply that is whole
        browser = Browser(server)
        assert Reply().follow(browser.events(browser.send("/quote"))).complete
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
            messages = read_messages(file)
    sent = collections.Counter(chat for chat, role, _, _ in messages if role == 0)
    replies = [(state, text or "") for _, role, state, text in messages if role == 1]
    assert taken.total() > ROUNDS and not taken - sent, "an acknowledged message is lost"
    assert len(replies) == sent.total(), "each message has its reply"
    whole = next(text for state, text in replies if state == DONE)
    assert "grace and truth" in whole
    for state, text in replies:
        assert state in (DONE, INTERRUPTED)
        assert text == whole if state == DONE else whole.startswith(text)
    assert any(text for state, text in replies if state == INTERRUPTED), "some were killed in the middle"
    done = run(["data", "check", "--data", tmp_path / "data" / "notso"])
    assert done.returncode == 0, done.stdout + done.stderr
