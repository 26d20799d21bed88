# SPDX-License-Identifier: MIT
"""A running `notso serve` and a small browser for it, with the standard library only."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading
import urllib.parse


class Server:
    """`notso serve` on a free port, in a folder of its own: no model is found unless one is named, and its
    chats are nobody else's."""

    def __init__(self, notso, folder, *args, env=None, limit=None):
        dropped = {"MODEL_PATH", "TOKENIZER_PATH", "PORT", "LOG_LEVEL", "QUOTE_PATH"}
        environment = {k: v for k, v in os.environ.items() if k not in dropped}
        environment |= {"XDG_DATA_HOME": str(folder / "data")} | (env or {})
        self.log = open(folder / "serve.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [notso, "serve", "--port", "0", *map(str, args)],
            cwd=folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
            preexec_fn=limit,
        )
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+:(\d+)$", line.strip())
        assert found, f"no URL in {line!r}; log: {self.read_log()}"
        self.port = int(found[1])

    def read_log(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8") as log:
            return log.read()

    def stop(self, number=signal.SIGTERM):
        """Exit code after the signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode("utf-8")


class Browser:
    """Keeps the session's cookie and knows which chat it shows, like a browser does. `chat` 0: a new one."""

    def __init__(self, server):
        self.port, self.cookie, self.chat = server.port, None, 0

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = dict(headers or {})
        if self.cookie:
            sent["Cookie"] = self.cookie
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body)
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        if "Set-Cookie" in response.headers:
            self.cookie = response.headers["Set-Cookie"].split(";")[0]
        return connection, response

    def get(self, path, **headers):
        connection, response = self.request("GET", path, headers=headers)
        answer = Answer(response)
        connection.close()
        return answer

    def post(self, path, fields=None, htmx=False, **headers):
        if htmx:
            headers["HX-Request"] = "true"
        connection, response = self.request("POST", path, fields or {}, headers)
        answer = Answer(response)
        connection.close()
        return answer

    def page(self):
        """The page of the chat."""
        return self.get(f"/chats/{self.chat}" if self.chat else "/")

    def say(self, text, htmx=True):
        """Sends a message as the page does, and gives the answer."""
        answer = self.post("/messages", {"text": text, "chat": self.chat}, htmx=htmx)
        place = answer.headers["HX-Push-Url"] or answer.headers["Location"] or ""
        if found := re.match(r"/chats/(\d+)", place):
            self.chat = int(found[1])
        return answer

    def send(self, text):
        """The same, for a message that is taken. Returns the path of the reply's events, "" if it ended."""
        answer = self.say(text)
        assert answer.status == 200, answer.text
        found = re.search(r'sse-connect="([^"]+)"', answer.text)
        return found[1] if found else ""

    def events(self, path, last_id=None):
        """Yields (id, name, data) until the server ends the stream."""
        headers = {"Last-Event-ID": str(last_id)} if last_id else {}
        connection, response = self.request("GET", path, headers=headers)
        assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream"
        event = {"data": []}
        try:
            for raw in response:
                line = raw.decode("utf-8").rstrip("\n")
                if line.startswith(":"):
                    continue
                if line:
                    name, _, value = line.partition(": ")
                    if name == "data":
                        event["data"].append(value)
                    else:
                        event[name] = value
                    continue
                if "event" in event:
                    yield int(event.get("id", 0)), event["event"], "\n".join(event["data"])
                event = {"data": []}
        finally:
            connection.close()

    def health(self):
        return json.loads(self.get("/health").text)


class Reply:
    """What a page shows of a reply: applies events as htmx would."""

    def __init__(self):
        self.blocks = self.open = self.thinking = self.footer = ""
        self.complete = False
        self.last_id = 0

    def apply(self, event):
        number, name, data = event
        assert number >= self.last_id or number == 0, "ids never go back"
        self.last_id = max(self.last_id, number)
        if name == "text":
            found = re.match(r'<div hx-swap-oob="(\w+):#message-\d+-blocks">(.*?)</div>(.*)$', data, re.S)
            if found:
                self.blocks = (self.blocks if found[1] == "beforeend" else "") + found[2]
                data = found[3]
            self.open = data
        elif name == "thinking":
            found = re.match(r'<div hx-swap-oob="innerHTML:#message-\d+-thinking">(.*)</div>$', data, re.S)
            self.thinking = found[1] if found else self.thinking + data
        elif name == "footer":
            self.footer = data
        elif name == "complete":
            self.complete = True

    @property
    def html(self):
        return self.blocks + self.open

    def follow(self, events):
        for event in events:
            self.apply(event)
        return self


def in_threads(n, run):
    """Runs run(0) … run(n - 1) at once and returns the results; the first exception is raised here."""
    results, failures = [None] * n, []

    def one(i):
        try:
            results[i] = run(i)
        except BaseException as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results
