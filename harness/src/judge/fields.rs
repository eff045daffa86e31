//! Header fields, compared by the rules of each field: two spellings with the same meaning are the same.

use onbeat_wire::Head;

/// The media type of an event stream.
const EVENT_STREAM: &str = "text/event-stream";

/// Returns the value of a field, whose name is in lower case. Several lines of one name are one list (RFC 9110, 5.3).
pub(crate) fn value(head: &Head, name: &str) -> Option<String> {
    let lines: Vec<&str> =
        head.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Returns the expected and the actual field, if the field is missing or means anything else.
pub(crate) fn breach(head: &Head, name: &str, expected: &str) -> Option<(String, String)> {
    let came = value(head, name);
    if came.as_ref().is_some_and(|came| same(name, expected, came)) {
        return None;
    }
    Some((format!("{name}: {expected}"), came.map_or_else(|| format!("no {name}"), |came| format!("{name}: {came}"))))
}

/// Returns the expected absence and the actual field, if the field is there.
pub(super) fn presence(head: &Head, name: &str) -> Option<(String, String)> {
    value(head, name).map(|came| (format!("no {name}"), format!("{name}: {came}")))
}

/// Returns whether two values of a field mean the same.
fn same(name: &str, expected: &str, came: &str) -> bool {
    match name {
        "content-length" => expected.parse::<u64>() == came.parse::<u64>(),
        "content-type" => MediaType::read(expected) == MediaType::read(came),
        // Compares without regard to case: directives (RFC 9111, 5.2), options (RFC 9110, 7.6.1), names of fields.
        "cache-control" | "connection" | "access-control-allow-headers" => {
            members(&expected.to_ascii_lowercase()) == members(&came.to_ascii_lowercase())
        }
        // Compares methods with regard to case (RFC 9110, 9.1).
        "access-control-allow-methods" => members(expected) == members(came),
        // Accepts further fields, such as the fields that a compressing proxy looks at (RFC 9110, 12.5.5).
        "vary" => {
            let came = came.to_ascii_lowercase();
            let came = members(&came);
            members(&expected.to_ascii_lowercase()).iter().all(|member| came.contains(member))
        }
        _ => expected == came,
    }
}

/// Returns whether a response is an event stream, with any parameters.
pub(crate) fn is_event_stream(head: &Head) -> bool {
    value(head, "content-type").is_some_and(|value| MediaType::read(&value).essence == EVENT_STREAM)
}

/// Returns the coding of the body, if the body is encoded; `identity` is no coding (RFC 9110, 12.5.3).
pub(crate) fn coding(head: &Head) -> Option<String> {
    value(head, "content-encoding")
        .filter(|value| members(value).iter().any(|coding| !coding.eq_ignore_ascii_case("identity")))
}

/// Returns the members of a list in one order. Neither empty members nor the space around members count (RFC 9110, 5.6.1).
fn members(list: &str) -> Vec<&str> {
    let mut members: Vec<&str> = list.split(',').map(str::trim).filter(|member| !member.is_empty()).collect();
    members.sort_unstable();
    members.dedup();
    members
}

/// A media type (RFC 9110, 8.3.1), in one spelling.
#[derive(Debug, PartialEq, Eq)]
struct MediaType {
    /// The type and the subtype, in lower case.
    essence: String,
    /// The parameters in one order, names in lower case, values unquoted.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    fn read(value: &str) -> Self {
        let mut parts = split_outside_quotes(value).into_iter().map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.to_ascii_lowercase(), unquoted(value));
            // Compares the name of a charset without regard to case (RFC 9110, 8.3.2).
            let value = if name == "charset" { value.to_ascii_lowercase() } else { value };
            (name, value)
        };
        let mut parameters: Vec<_> = parts.filter(|part| !part.is_empty()).map(parameter).collect();
        parameters.sort_unstable();
        Self { essence, parameters }
    }
}

/// Splits a value at each semicolon outside of quoted strings.
fn split_outside_quotes(value: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(|c: char| {
            let escapes = quoted && c == '\\' && !escaped;
            quoted ^= c == '"' && !escaped;
            escaped = escapes;
            c == ';' && !quoted
        })
        .collect()
}

/// Returns the text of a quoted string (RFC 9110, 5.6.4), or the token itself.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.into() };
    let mut characters = inner.chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::made_up::head;
    use super::*;

    #[test]
    fn what_means_the_same_is_the_same_and_nothing_else() {
        const METHODS: &str = "GET,HEAD,PUT";
        for (name, expected, came, alike) in [
            ("content-type", "text/event-stream", "Text/Event-Stream", true),
            ("content-type", "text/event-stream", "TEXT/EVENT-STREAM ; ", true),
            ("content-type", "text/event-stream", "text/event-stream; charset=utf-8", false),
            ("content-type", "text/event-stream", "text/event-streams", false),
            ("content-type", "text/event-stream", "text/event-stream, text/event-stream", false),
            ("content-type", "application/json; charset=utf-8", "Application/JSON;CHARSET=UTF-8", true),
            ("content-type", "application/json; charset=utf-8", "application/json;\tcharset=\"Utf-8\" ;", true),
            ("content-type", "application/json; charset=utf-8", "application/json; charset=\"ut\\f-8\"", true),
            ("content-type", "application/json; charset=utf-8", "application/json", false),
            ("content-type", "application/json; charset=utf-8", "application/json; charset=latin1", false),
            ("content-type", "application/json; charset=utf-8", "application/json; charset = utf-8", false),
            ("content-type", "a/b; x=\"1;y=2\"", "a/b; x=1; y=2", false),
            ("content-type", "a/b; x=1; y=2", "a/b;Y=2;X=\"1\"", true),
            ("content-type", "a/b; x=A", "a/b; x=a", false),
            ("cache-control", "no-cache", "No-Cache", true),
            ("cache-control", "no-cache", " ,no-cache,", true),
            ("cache-control", "no-cache", "no-cache, no-transform", false),
            ("cache-control", "no-cache", "no-store", false),
            ("connection", "keep-alive", "Keep-Alive", true),
            ("connection", "keep-alive", "close", false),
            ("access-control-allow-origin", "*", "*", true),
            ("access-control-allow-origin", "*", "*, *", false),
            ("access-control-allow-methods", METHODS, "PUT, GET, HEAD", true),
            ("access-control-allow-methods", METHODS, "GET,HEAD", false),
            ("access-control-allow-methods", METHODS, "get,head,put", false),
            ("access-control-allow-headers", "x-a, X-B", "X-B,x-a", true),
            ("access-control-allow-headers", "x-a, X-B", "x-a", false),
            ("vary", "Access-Control-Request-Headers", "access-control-request-headers", true),
            ("vary", "Access-Control-Request-Headers", "Accept-Encoding, Access-Control-Request-Headers", true),
            ("vary", "Access-Control-Request-Headers", "Accept-Encoding", false),
        ] {
            assert_eq!(same(name, expected, came), alike, "{name}: {expected:?} and {came:?}");
        }
    }

    #[test]
    fn several_lines_of_one_name_are_one_list() {
        let head = head(&[("vary", "a"), ("date", "x"), ("vary", "b")]);
        assert_eq!(value(&head, "vary").as_deref(), Some("a, b"));
        assert_eq!(value(&head, "allow"), None);
    }

    #[test]
    fn an_event_stream_is_one_whatever_its_spelling_and_parameters() {
        for (value, streams) in [
            ("text/event-stream", true),
            ("Text/Event-Stream;charset=UTF-8", true),
            ("text/event-streams", false),
            ("text/html", false),
        ] {
            assert_eq!(is_event_stream(&head(&[("content-type", value)])), streams, "{value}");
        }
        assert!(!is_event_stream(&head(&[])));
    }

    #[test]
    fn a_body_that_is_as_it_is_has_no_coding() {
        for (value, coded) in [("gzip", true), ("GZIP", true), ("identity", false), ("Identity", false), ("", false)] {
            assert_eq!(coding(&head(&[("content-encoding", value)])).is_some(), coded, "{value}");
        }
        assert_eq!(coding(&head(&[])), None);
    }
}
