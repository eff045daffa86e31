"""What may vary in a write, or in the body of an answer."""

import json
import re
from datetime import datetime


class Number(float):
    """A number that remembers how it was spelled."""

    def __new__(cls, spelling):
        number = super().__new__(cls, spelling)
        number.spelling = spelling
        return number


def parse(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


def at(value, pointer):
    """The value to which a JSON pointer (RFC 6901) points; LookupError if there is none."""
    for key in pointer.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else dict(value)[key]
    return value


def json_in(text):
    """The JSON in a text: what follows "data: " in an event stream, or all of it."""
    found = re.fullmatch(r"data: (.*)\n\n", text, re.DOTALL)
    return found[1] if found else text


def check(text, vary):
    """Asserts that a text keeps to its own rules."""
    data = parse(json_in(text))
    for rule in vary:
        try:
            value = at(data, rule["pointer"])
        except (LookupError, TypeError, ValueError):
            raise AssertionError(f"{rule['pointer']} points at nothing in {text!r}") from None
        assert satisfies(value, rule), f"{getattr(value, 'spelling', value)!r} breaks the rule {rule}"


def satisfies(value, rule):
    kind = rule["as"]
    if kind == "timestamp":
        return is_timestamp(value)
    if kind == "text-and-timestamp":
        text = rule["text"]
        return isinstance(value, str) and value.startswith(text) and is_timestamp(value[len(text) :])
    if kind == "number":
        return (
            isinstance(value, Number)
            and value.spelling == number_to_string(value)
            and value >= rule["minimum"]
            and value <= rule.get("maximum", float("inf"))
            and value < rule.get("below", float("inf"))
            and decimals(value.spelling) <= rule.get("decimals_max", float("inf"))
        )
    if kind in ("count", "removals"):
        return isinstance(value, Number) and value.spelling.isdecimal() and value.spelling == number_to_string(value)
    raise AssertionError(f"unknown rule: {kind}")


def is_timestamp(value):
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value, re.ASCII):
        return False
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        return False
    return True


def number_to_string(value):
    """As ECMAScript prints it (ECMA-262, Number::toString), from the shortest digits, which repr finds too."""
    if value == 0:
        return "0"
    if value < 0:
        return "-" + number_to_string(-value)
    mantissa, _, exponent = float.__repr__(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The point stands before so many of the digits.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + digits.rjust(len(digits) - point, "0")
    return digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{point - 1:+}"


def decimals(spelling):
    digits, _, exponent = spelling.partition("e")
    return max(0, len(digits.partition(".")[2]) - int(exponent or 0))
