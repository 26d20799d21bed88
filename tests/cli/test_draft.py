# SPDX-License-Identifier: MIT
"""Guessing ahead: the same bytes with and without, from the real model, greedy and drawn; what it brings is
counted; wrong values are named."""

import re
import time

import pytest

from serving import Browser, Reply, Server, in_threads

STORY = """The lighthouse stood at the end of a long stone pier. Every evening the keeper, an old \
man named Thomas, climbed the one hundred and twelve steps to the lamp room. He trimmed the wick, \
polished the great lens, and wrote the weather into a leather book. In winter the waves broke over \
the pier, and for days nobody could reach him. He did not mind. He had his books, his kettle, and a \
grey cat that slept beside the stove."""

PROMPTS = {
    "repeat": f"Repeat the following text exactly, word for word:\n\n{STORY}",
    "edit": f"Change the name Thomas to Martin in this text, and leave all else as it is:\n\n{STORY}",
    "code": "Write this Python function again, with the variable `total` renamed to `result`:\n\n"
            "def average(numbers):\n    total = 0\n    count = 0\n    for number in numbers:\n"
            "        total = total + number\n        count = count + 1\n    return total / count\n",
    "story": "Write a short story about a lighthouse keeper.",
}
SAMPLINGS = {
    "greedy": ["--temp", 0],
    "drawn": ["--temp", 0.7, "--seed", 11],
    "hot, penalised": ["--temp", 1.1, "--top-p", 1, "--repeat-penalty", 1.1, "--seed", 5],
}


def reply(run, model, prompt, *args):
    done = run(["run", "-m", model, "-p", PROMPTS[prompt], "-n", 120, "--stats", *args])
    assert done.returncode == 0, done.stderr
    tokens, right, guessed = re.search(
        r"reply: (\d+) tokens.* (\d+) of (\d+) guessed ahead", done.stderr
    ).groups()
    return done.stdout, int(tokens), int(right), int(guessed)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_reply_is_the_same(run, model, prompt, sampling):
    wanted, n, right, guessed = reply(run, model, prompt, *SAMPLINGS[sampling], "--draft", 0)
    assert right == guessed == 0 and n > 8
    for draft in [["--draft", 3], []][sampling != "greedy":]:
        text, n_tokens, right, guessed = reply(run, model, prompt, *SAMPLINGS[sampling], *draft)
        assert (text, n_tokens) == (wanted, n)
        assert right <= guessed and right < n


def test_a_copied_text_takes_few_passes(run, model):
    _, n, right, guessed = reply(run, model, "repeat", "--temp", 0)
    assert right > n / 2
    assert right > guessed / 2


def test_a_text_that_does_not_repeat_costs_few_guesses(run, model):
    _, n, right, guessed = reply(run, model, "story", "--temp", 0.9, "--seed", 2)
    assert guessed - right < n / 3


def ask_all(notso, model, folder, draft):
    """One server's replies to all prompts at once, each asked twice."""
    args = ["--model", model, "--temp", 0.5, "--seed", 7, "--max-tokens", 100, "--slots", 8, "--draft", draft]

    def ask(i):
        browser = Browser(server)
        reply = Reply().follow(browser.events(browser.send(list(PROMPTS.values())[i % len(PROMPTS)])))
        assert reply.complete
        return reply.html

    with Server(notso, folder, *args) as server:
        wait_for_model(server)
        return in_threads(2 * len(PROMPTS), ask)


def wait_for_model(server):
    browser, end = Browser(server), time.monotonic() + 60
    while browser.health()["status"] == "loading":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert browser.health()["status"] == "ok"


def test_replies_at_once_are_the_same(notso, model, tmp_path):
    wanted = ask_all(notso, model, tmp_path, 0)
    assert len(set(wanted)) == len(PROMPTS)
    assert all(len(html) > 100 for html in wanted)
    assert ask_all(notso, model, tmp_path, 15) == wanted


@pytest.mark.parametrize("command", ["run", "serve", "chat"])
@pytest.mark.parametrize("value", ["-1", "33", "many", ""])
def test_wrong_numbers_of_guesses_are_named(fails, command, value):
    line = fails([command, "--draft", value], code=2)
    assert line == f"notso {command}: --draft needs a whole number from 0 to 32, not '{value}'"


def test_the_config_file_sets_it(run, fails, model, tmp_path):
    config = tmp_path / "config"
    config.write_text("draft = 0\n")
    done = run(["run", "-m", model, "-p", PROMPTS["repeat"], "-n", 40, "--temp", 0, "--stats"],
               env={"NOTSO_CONFIG": str(config)})
    assert "0 of 0 guessed ahead" in done.stderr
    config.write_text("[run]\ndraft = 99\n")
    fails(["run", "-m", model, "-p", "x"], "line 2: draft needs a whole number from 0 to 32", code=2,
          env={"NOTSO_CONFIG": str(config)})
