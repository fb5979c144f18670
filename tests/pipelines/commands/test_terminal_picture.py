"""Terminals that show pictures get them whole, by the protocol that is theirs."""

from __future__ import annotations

import base64
import re

import pytest

from pipelines.commands.terminal_picture import picture_escape, shows_pictures

PNG = bytes(range(256)) * 40  # three chunks of base64


@pytest.mark.parametrize(
    "environment", [{"TERM": "xterm-kitty"}, {"TERM": "xterm-ghostty"}, {"TERM_PROGRAM": "ghostty"}]
)
def test_kitty_gets_chunks_that_join_to_the_picture(environment: dict[str, str]) -> None:
    text = picture_escape(PNG, environment)
    parts = re.findall("\x1b_G([^;]*);([^\x1b]*)\x1b\\\\", text)
    assert "".join(f"\x1b_G{head};{chunk}\x1b\\" for head, chunk in parts) == text
    assert base64.b64decode("".join(chunk for _, chunk in parts)) == PNG
    assert parts[0][0] == "a=T,f=100,m=1"
    assert [head for head, _ in parts[1:]] == ["m=1"] * (len(parts) - 2) + ["m=0"]
    assert all(len(chunk) <= 4096 for _, chunk in parts)


@pytest.mark.parametrize("program", ["iTerm.app", "WezTerm"])
def test_iterm_gets_one_file(program: str) -> None:
    text = picture_escape(PNG, {"TERM": "xterm-256color", "TERM_PROGRAM": program})
    head, _, data = text.partition(":")
    assert head == f"\x1b]1337;File=inline=1;size={len(PNG)}"
    assert base64.b64decode(data.removesuffix("\x07")) == PNG


@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}, {"TERM": "xterm-256color"}])
def test_other_terminals_get_none(environment: dict[str, str]) -> None:
    assert not shows_pictures(environment)
