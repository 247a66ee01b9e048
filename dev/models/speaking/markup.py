"""What was written for the eye: Markdown, links, addresses and emoji, as read out."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

import emoji
from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.token import Token

# Text with four spaces before it is a text, and so is one with a tag in it.
_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("code")
_LINKS = LinkifyIt()
_ENDS = (".", "!", "?", ":", ";", ",", "…", "。", "！", "？", "：", "،", "؟", "।")
# A reply comes in pieces, so a pair of marks may be torn apart.
_LEFT_OVER = re.compile(
    r"(?<![\w*])(?:[*_`]|~~)+(?=\S)|(?<=\S)[*_`~]+(?![\w*])|(?<!\S)[*_`~#|]+(?!\S)"
)
_CITATION = re.compile(r"\s?\[\^?\d+\]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_PATH = re.compile(r"(/[A-Za-z][A-Za-z-]*){1,2}/?")


def plain(text: str) -> str:
    """`text` without what is only seen; each line ends as a sentence or a part of it does."""
    text = _CITATION.sub("", text)
    lines = _lines(_MARKDOWN.parse(text))
    return "\n".join(line for line in map(_readable, lines) if line)


def _lines(tokens: list[Token]) -> list[str]:
    """The text of each block: a paragraph, a heading, a cell. Code is left out."""
    lines: list[str] = []
    number = ""
    for token in tokens:
        if token.type == "list_item_open":
            number = f"{token.info}. " if token.info else ""
        elif token.type == "inline":
            line = number + _inline(token.children or [])
            number = ""
            lines += [part for part in line.splitlines() if part.strip()]
        elif token.type == "fence":
            lines.append("")
    return lines


def _inline(tokens: list[Token]) -> str:
    parts: list[str] = []
    for token in tokens:
        if token.type in ("text", "code_inline"):
            parts.append(token.content)
        elif token.type == "image":
            parts.append(_inline(token.children or []))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("\n" if token.type == "hardbreak" else " ")
        elif token.type == "html_inline" and not _TAG.fullmatch(token.content):
            parts.append(token.content)
    return "".join(parts)


def _readable(line: str) -> str:
    line = emoji.replace_emoji(_addresses(line), " ")
    line = _LEFT_OVER.sub("", line)
    # Brackets in pairs are phonemes to Piper.
    line = line.replace("[", "(").replace("]", ")")
    line = "".join(each for each in line if unicodedata.category(each) not in ("Cc", "Cf", "Co"))
    line = " ".join(line.split())
    if not any(each.isalnum() for each in line):
        return ""
    return line if line.endswith((*_ENDS, '"', "'", ")", "”")) else f"{line}."


def _addresses(line: str) -> str:
    for match in reversed(_LINKS.match(line) or []):
        line = f"{line[: match.index]}{_address(match.url)}{line[match.last_index :]}"
    return line


def _address(url: str) -> str:
    """`example dot com slash docs`; what nobody would read out is left out."""
    if url.startswith("mailto:"):
        return _dotted(url.removeprefix("mailto:")).replace("@", " at ")
    parts = urlsplit(url)
    said = _dotted((parts.hostname or "").removeprefix("www."))
    if not parts.query and _PATH.fullmatch(parts.path):
        said += parts.path.rstrip("/").replace("/", " slash ").replace("-", " dash ")
    return said


def _dotted(name: str) -> str:
    name = name.replace(".", " dot ").replace("_", " underscore ")
    return name.replace("-", " dash ").replace("+", " plus ")
