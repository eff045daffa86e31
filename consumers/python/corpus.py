"""The fixtures, read from their folder alone: ../../fixtures, or the one that ONBEAT_FIXTURES names."""

import base64
import json
import os
import re
from pathlib import Path

FOLDER = Path(os.environ.get("ONBEAT_FIXTURES") or Path(__file__).resolve().parents[2] / "fixtures")

# The paths of all files, with / between parts.
PATHS = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
# The data that the manifest must name: all but the manifest, the schemas and the files for people.
DATA = [path for path in PATHS if not re.fullmatch(r"manifest\.json|README\.md|LICENSE|schema/.*", path)]
TRANSCRIPTS = [path for path in DATA if path.endswith(".jsonl")]


def read(path):
    return (FOLDER / path).read_bytes()


def load(path):
    return json.loads(read(path))


def lines(path):
    """The lines of a jsonl file. Only LF ends one; str.splitlines would split at U+2028 too, within a string."""
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
            data = line["text"].encode() if "text" in line else base64.b64decode(line["base64"])
            found[-1][1].append((data, []))
        elif line["kind"] == "event":
            assert found and found[-1][1], "an event before any write"
            found[-1][1][-1][1].append((line["type"], line["data"], line["last_event_id"]))
    return found


def is_event_stream(head):
    return ["content-type", "text/event-stream"] in head["headers"]
