"""The fixtures hold together, for a reader who knows nothing but their folder."""

import hashlib
import re
import unittest

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from sseclient import SSEClient

from corpus import (
    DATA,
    EXCHANGES,
    PATHS,
    TRANSCRIPTS,
    by_client,
    checked,
    is_event_stream,
    lines,
    load,
    pieces,
    read,
    responses,
    schema_of,
    values,
)
from vary import Number, check, number_to_string, satisfies

# The aspects that lines of each kind have, and the answers to single requests, which have no kind.
ASPECTS = {
    "head": "status header head-time time".split(),
    "write": "bytes presence order line-end id timestamp number spelling count time period framing".split(),
    "event": "events".split(),
    "end": "end reuse".split(),
    None: "status header bytes presence end".split(),
}
SCHEMAS = [f"{name}.schema.json" for name in ("stream", "scene", "requests", "cases", "manifest")]


class Schemas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schemas = {name: load(f"schema/{name}") for name in SCHEMAS}
        registry = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in schemas.items())
        cls.validators = {name: Draft202012Validator(schema, registry=registry) for name, schema in schemas.items()}

    def test_the_schemas_are_schemas(self):
        for validator in self.validators.values():
            Draft202012Validator.check_schema(validator.schema)

    def test_every_file_keeps_to_its_schema(self):
        for path in ["manifest.json", *DATA]:
            validator = self.validators[schema_of(path)]
            for number, value in enumerate(values(path), 1):
                with self.subTest(path, value=number):
                    faults = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
                    self.assertEqual(faults, [])


class Files(unittest.TestCase):
    def test_they_have_no_line_end_but_lf(self):
        for path in PATHS:
            with self.subTest(path):
                text = read(path).decode()
                self.assertEqual(re.findall("[\r\v\f\x1c-\x1e\x85\u2028\u2029]", text), [])
                self.assertEqual(text.splitlines(), text.rstrip("\n").split("\n"))


class Manifest(unittest.TestCase):
    def test_there_are_fixtures_of_every_kind(self):
        for folder in ("streams/", "fanout/", "requests/"):
            self.assertTrue(any(path.startswith(folder) for path in DATA), f"nothing in {folder}")

    def test_it_has_the_sum_of_every_file(self):
        files = load("manifest.json")["files"]
        sums = {path: hashlib.sha256(read(path)).hexdigest() if path in PATHS else "missing" for path in files}
        self.assertEqual(sums, files)
        self.assertEqual([path for path in DATA if path not in files], [], "files that the manifest does not name")


class Cases(unittest.TestCase):
    def test_every_case_that_is_named_exists_once_and_every_case_is_named(self):
        ids = [case["id"] for case in load("cases.json")]
        named = {case for item in checked() for case in item["cases"]}
        self.assertEqual(sorted(named), sorted(ids))

    def test_every_case_checks_something_of_what_names_it(self):
        checks = {case["id"]: case["checks"] for case in load("cases.json")}
        for item in checked():
            aspects = ASPECTS[item.get("kind")]
            for case in item["cases"]:
                self.assertTrue(set(checks[case]).intersection(aspects), f"{case} has nothing to check in {item}")

    def test_a_case_that_looks_at_one_header_alone_is_named_where_that_header_is(self):
        header = {case["id"]: case["header"] for case in load("cases.json") if "header" in case}
        for head in (item for item in checked() if item.get("kind") == "head"):
            names = [name for name, _ in head["headers"]]
            for case in header.keys() & set(head["cases"]):
                self.assertIn(header[case], names, case)


class Exchanges(unittest.TestCase):
    def test_an_id_is_unique_and_begins_with_the_name_of_its_file(self):
        ids = [exchange["id"] for path in EXCHANGES for exchange in load(path)]
        self.assertEqual(sorted(ids), sorted(set(ids)))
        for path in EXCHANGES:
            for exchange in load(path):
                self.assertTrue(f"requests/{exchange['id']}".startswith(path[: -len("json")]), f"{path}: {exchange['id']}")

    def test_they_keep_to_what_may_vary_in_them(self):
        for path in EXCHANGES:
            for response in (exchange["response"] for exchange in load(path)):
                if "vary" in response:
                    check(response["body"], response["vary"])


class Transcripts(unittest.TestCase):
    def test_they_are_told_in_order(self):
        for path in TRANSCRIPTS:
            with self.subTest(path):
                told = lines(path)
                kinds = [line["kind"] for line in told]
                if path.startswith("fanout/"):
                    self.assertEqual(kinds.index("scene"), 0)
                    self.assertEqual(kinds.count("scene"), 1)
                    self.assertEqual(f"fanout/{told[0]['name']}.jsonl", path)
                    self.not_decreasing([line for line in told if line["kind"] in ("request", "leave")])
                else:
                    self.assertEqual(kinds[:2], ["request", "head"])
                    self.assertEqual((kinds.count("request"), kinds.count("head")), (1, 1))
                    self.assertEqual((kinds[-1], kinds.count("end")), ("end", 1))
                    # Who does not wait for the end leaves before it.
                    left = told[-1]["how"] != "complete"
                    self.assertEqual((kinds[-2] == "leave", kinds.count("leave")), (left, int(left)))
                for client, seen in by_client(path).items():
                    self.not_decreasing(seen, client)

    def not_decreasing(self, told, client=None):
        times = [line["t_ms"] for line in told]
        self.assertEqual(times, sorted(times), client)

    def test_they_dispatch_their_events_however_they_are_split(self):
        for path in TRANSCRIPTS:
            for client, seen in by_client(path).items():
                with self.subTest(path, client=client):
                    for head, writes in responses(seen):
                        self.dispatches(head, writes)

    def dispatches(self, head, writes):
        written = [piece for piece, _ in writes]
        events = [event for _, events in writes for event in events]
        if not is_event_stream(head):
            self.assertEqual(events, [], "events of a response that is no event stream")
            return
        placed = [(number, event) for number, (_, events) in enumerate(writes, 1) for event in events]
        self.assertEqual(dispatched(written), placed, "write by write")
        whole = b"".join(written)
        self.assertEqual(pieces(whole), written, "each piece is a write")
        for size in (1, 2, 3, 7, len(whole)):
            split = [whole[start : start + size] for start in range(0, len(whole), size)]
            self.assertEqual([event for _, event in dispatched(split)], events, f"in pieces of {size} bytes")

    def test_they_keep_to_what_may_vary_in_them(self):
        for path in TRANSCRIPTS:
            for number, line in enumerate(lines(path), 1):
                if "vary" in line:
                    with self.subTest(path, line=number):
                        check(line["text"], line["vary"])

    def test_pieces_are_lines_with_the_empty_lines_after_them(self):
        for body, expected in [
            (b"event: a\ndata: b\n\n:\n\n", [b"event: a\n", b"data: b\n\n", b":\n\n"]),
            (b"event: a\r\ndata: b\r\n\r\n", [b"event: a\r\n", b"data: b\r\n\r\n"]),
            (b"event: a\rdata: b\r\r", [b"event: a\r", b"data: b\r\r"]),
            (b"\n\ndata: x", [b"\n\n", b"data: x"]),
            (b"", []),
        ]:
            self.assertEqual(pieces(body), expected)


class Rules(unittest.TestCase):
    def test_they_tell_good_values_from_bad(self):
        timestamp = {"as": "timestamp"}
        timed = {"as": "text-and-timestamp", "text": "at "}
        percent = {"as": "number", "minimum": 0, "maximum": 100, "decimals_max": 1}
        fraction = {"as": "number", "minimum": 0, "below": 100}
        count = {"as": "count"}
        for value, rule, good in [
            ("2025-12-01T00:00:01.000Z", timestamp, True),
            ("2025-12-01T00:00:01Z", timestamp, False),
            ("2025-02-30T00:00:01.000Z", timestamp, False),
            ("at 2025-12-01T00:00:01.000Z", timed, True),
            ("2025-12-01T00:00:01.000Z", timed, False),
            (Number("100"), percent, True),
            (Number("0.1"), percent, True),
            (Number("50.0"), percent, False),
            (Number("100.1"), percent, False),
            (Number("-1"), percent, False),
            (Number("0.25"), percent, False),
            ("1", percent, False),
            (Number("1e-7"), fraction, True),
            (Number("0.0000001"), fraction, False),
            (Number("100"), fraction, False),
            (Number("0"), count, True),
            (Number("12"), count, True),
            (Number("12.0"), count, False),
            (Number("-1"), count, False),
            (Number("0.5"), count, False),
            ("1", count, False),
            (Number("1"), {"as": "removals"}, True),
        ]:
            self.assertEqual(satisfies(value, rule), good, (value, rule))

    def test_numbers_are_spelled_as_in_ecmascript(self):
        for spelling in (
            "0 -1 50 0.1 123.456 1000000 100000000000000000000 1e+21 1.5e+300 0.000001 1e-7 1.25e-7 34.82544685480763"
        ).split():
            self.assertEqual(number_to_string(float(spelling)), spelling)


def dispatched(pieces):
    """The events that a stream makes the parser dispatch, each with how many pieces it had read by then."""
    taken = 0

    def read_on():
        nonlocal taken
        for piece in pieces:
            taken += 1
            yield piece

    last_event_id, events = "", []
    for event in SSEClient(read_on()).events():
        last_event_id = last_event_id if event.id is None else event.id
        events.append((taken, (event.event, event.data, last_event_id)))
    return events


if __name__ == "__main__":
    unittest.main()
