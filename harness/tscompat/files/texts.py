"""Knows files of text that are no model: pointers, pages, answers of servers, JSON, sources. May import values."""

from __future__ import annotations

import codecs
import html
import re

import msgspec

from tscompat.values.text import quoted, shown

from .item import some
from .json_text import JsonError, decode
from .source import Source

_HEAD = 1 << 14
_POINTER = re.compile(rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v\d\r?\n")
_SIZE = re.compile(rb"^size (\d{1,20})\s*$", re.MULTILINE)
_PAGE = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_XML = re.compile(r"\s*<(?:\?xml|Error>|net\b)")
_CODE = re.compile(r"<Code>(.*?)</Code>", re.DOTALL)
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
_PYTHON = re.compile(r"^(?:import \w|from [\w.]+ import |def \w+\(|class \w+[(:]|#!.*python)", re.MULTILINE)
_CSHARP = re.compile(
    r"^\s*(?:using [\w.]+;|namespace [\w.]+|(?:public|internal) (?:static |sealed )?class )", re.MULTILINE
)
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MOST_JSON = 1 << 22
"""Above as many bytes, JSON is not looked into: no configuration has so many."""
_BEGINS_JSON = re.compile(r"\s*[\[{]\s*[\"\[{\]}\d]")
_ANSWERS = ("error", "errors", "message", "detail", "error_message")
"""Keys of what servers answer instead of a file."""
_CONFIGURATIONS = {"architectures", "model_type", "_class_name", "peft_type", "_diffusers_version", "torch_dtype"}
_AGAIN = "get the file again, where you have the right to"


def marked(source: Source) -> str:
    """What a text is that shows it in its first lines; empty for any other file."""
    head = bytes(source.data[:_HEAD])
    if _POINTER.match(head):
        size = _SIZE.search(head)
        stands = f" ({int(size[1]):,} bytes)" if size else ""
        return f"a Git LFS pointer, not the file it stands for{stands}: git lfs pull"
    text = head.removeprefix(codecs.BOM_UTF8).decode(errors="replace")
    if _PAGE.match(text):
        title = _TITLE.search(text)
        named = f" ({quoted(html.unescape(title[1]))})" if title and title[1] else ""
        return (
            f"a web page{named}, not the file: take the address of the file itself (on Hugging Face: resolve, not blob)"
        )
    if _XML.match(text):
        return _xml(text)
    if text.lstrip()[:1] in ("{", "["):
        return _json(source, text)
    if text.startswith("model_checkpoint_path:"):
        return "the list of a checkpoint of TensorFlow: read it there (tf.train.load_checkpoint) and use numpy.savez"
    return ""


def _xml(text: str) -> str:
    if code := _CODE.search(text):
        message = _MESSAGE.search(text)
        said = f"{shown(code[1])}: {shown(message[1])}" if message else shown(code[1])
        return f"the error of a server, not the file ({said}): {_AGAIN}"
    if "<net " in text or "<layers" in text:
        return "a network of OpenVINO, whose weights are in the .bin beside it: convert the model that it was made of"
    return "XML, and no model: give the file of weights"


def _json(source: Source, text: str) -> str:
    is_list = text.lstrip().startswith("[")
    if len(source.data) > _MOST_JSON and _BEGINS_JSON.match(text):
        return f"JSON of {len(source.data):,} bytes, and no index of shards: give the file of weights"
    try:
        if is_list:
            rows = decode(source.data, list[msgspec.Raw])
            return f"JSON, a list of {len(rows):,}, and no index of shards: give the file of weights"
        document = decode(source.data, dict[str, msgspec.Raw])
    except JsonError as error:
        begins = source.path.suffix.lower() == ".json" or _BEGINS_JSON.match(text)
        return f"begins as JSON, and is none: {error}: give the file of weights" if begins else ""
    return _object(document)


def _object(document: dict[str, msgspec.Raw]) -> str:
    if answer := next((key for key in _ANSWERS if key in document), ""):
        said = shown(bytes(memoryview(document[answer])[:400]).decode(errors="replace"))
        return f"the answer of a server, not the file ({shown(answer)}: {said}): {_AGAIN}"
    weights = "give the file of weights beside it (model.safetensors, pytorch_model.bin)"
    if document.keys() & _CONFIGURATIONS:
        return f"a configuration in JSON, which holds no weights: {weights}"
    if "added_tokens" in document or "vocab" in document:
        return f"a tokenizer in JSON, which holds no weights: {weights}"
    if "log_history" in document:
        return f"the state of a training in JSON, which holds no weights: {weights}"
    keys = some([quoted(key) for key in document]) or "none"
    return f"JSON, and no index of shards: expected the key 'weight_map', found {keys}: give the file of weights"


def plain(source: Source) -> str:
    """What a text is that has no mark; empty for any other file."""
    head = bytes(source.data[:_HEAD])
    if head.startswith(_MARKS):
        return "text in UTF-16, as PowerShell's > writes it, and no model: what is binary is broken by it: get it again"
    text = _decoded(head.removeprefix(codecs.BOM_UTF8))
    if not text or not all(each.isprintable() or each in "\t\r\n\f" for each in text):
        return ""
    if _CSHARP.search(text):
        return "source code in C#, and no model: give the file of weights that it loads"
    if _PYTHON.search(text):
        return "source code in Python, and no model: give the file of weights that it loads or saves"
    return f"a text, and no model: it begins with {quoted(text.strip())}"


def _decoded(head: bytes) -> str:
    """The head as text, without a character that is cut at its end; empty if it is none."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return ""
