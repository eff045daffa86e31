"""The fixtures, read from their folder alone: ../../fixtures, or the one that ONBEAT_FIXTURES names."""

import json
import os
import re
from pathlib import Path

FOLDER = Path(os.environ.get("ONBEAT_FIXTURES") or Path(__file__).resolve().parents[2] / "fixtures")

# The paths of all files, with / between parts.
PATHS = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
# The data that the manifest must name: all but the manifest, the schemas, the files for people, and the crate of Rust.
DATA = [path for path in PATHS if not re.fullmatch(r"manifest\.json|README\.md|LICENSE|Cargo\.toml|lib\.rs|schema/.*", path)]
TRANSCRIPTS = [path for path in DATA if path.endswith(".jsonl")]
EXCHANGES = [path for path in DATA if path.startswith("requests/")]


def read(path):
    return (FOLDER / path).read_bytes()


def load(path):
    return json.loads(read(path))


def lines(path):
    """The lines of a jsonl file. Only LF ends one."""
    *whole, rest = read(path).split(b"\n")
    assert rest == b"", f"{path}: the last line is not ended"
    return [json.loads(line) for line in whole]


def values(path):
    """The JSON values in a file: its lines, or all of it."""
    return lines(path) if path.endswith(".jsonl") else [load(path)]


def schema_of(path):
    """The name of the schema that each value of a file keeps to."""
    by_folder = {"streams": "stream", "fanout": "scene", "requests": "requests"}
    folder, slash, _ = path.partition("/")
    name = by_folder[folder] if slash else path[: -len(".json")]
    return f"{name}.schema.json"


def checked():
    """Whatever names the cases that it checks: the lines of transcripts, and single requests."""
    told = [line for path in TRANSCRIPTS for line in lines(path)]
    asked = [exchange for path in EXCHANGES for exchange in load(path)]
    return [item for item in told + asked if "cases" in item]


def by_client(path):
    """The lines of each client, by its name; a stream has one client, without a name."""
    lists = {}
    for line in lines(path):
        if line["kind"] != "scene":
            lists.setdefault(line.get("client", ""), []).append(line)
    return lists


def responses(seen):
    """The responses that a client got: the head, and the bytes of each write with the events that must follow it."""
    found = []
    for line in seen:
        if line["kind"] == "head":
            found.append((line, []))
        elif line["kind"] == "write":
            assert found, "a write before any head"
            found[-1][1].append((line["text"].encode(), []))
        elif line["kind"] == "event":
            assert found and found[-1][1], "an event before any write"
            found[-1][1][-1][1].append((line["type"], line["data"], line["last_event_id"]))
    return found


def pieces(body):
    """The pieces of an event stream, which are the writes, however it was framed: lines, each with the empty ones after it."""
    return [piece for piece in re.findall(rb"(?:[^\r\n]+(?:\r\n?|\n|\Z)|\A)(?:\r\n?|\n)*", body) if piece]


def is_event_stream(head):
    return ["content-type", "text/event-stream"] in head["headers"]
