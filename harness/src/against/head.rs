//! The head of a response: status and headers, without the headers of a single connection.

use std::collections::BTreeSet;

use onbeat_wire::recording::VaryPlace;
use onbeat_wire::{Head, is_connection_field};

use super::facts::HeadFact;
use super::request::is_masked;
use crate::judge::{Finding, fields};

/// Headers of a single moment, and headers of proxies in place of the headers of a server.
const UNJUDGED: [&str; 6] = ["age", "alt-svc", "content-length", "date", "server", "via"];
/// A header to a proxy. The proxy takes the header out.
pub(super) const TO_PROXY: &str = "x-accel-buffering";

/// Returns how a status differs.
pub(super) fn status_finding(place: &str, expected: &Head, got: &Head, body: &str) -> Option<Finding> {
    let more = if body.is_empty() { String::new() } else { format!(": {body}") };
    (expected.status != got.status)
        .then(|| Finding::new(place, expected.status.to_string(), format!("{}{more}", got.status), "the status"))
}

/// Returns how the headers in the recording differ, by name. Further headers may come.
pub(super) fn header_findings<'h>(
    place: &str,
    expected: &'h HeadFact,
    got: &Head,
    behind_proxy: bool,
) -> Vec<(&'h str, Finding)> {
    let names: BTreeSet<&str> = expected.head.headers.iter().map(|(name, _)| name.as_str()).collect();
    // Leaves out the headers that `Connection` names as well: each connection has its own (RFC 9110, 7.6.1).
    let of_connection = fields::value(&expected.head, "connection").unwrap_or_default().to_ascii_lowercase();
    let is_named = |name: &str| of_connection.split(',').any(|named| named.trim() == name);
    // Leaves out the coding as well, which is judged with the body: `identity` and no header mean the same.
    let is_left_out = |name: &str| {
        name == "content-encoding" || is_connection_field(name) || is_named(name) || UNJUDGED.contains(&name)
    };
    let is_judged = |name: &&str| !(is_left_out(name) || behind_proxy && *name == TO_PROXY);
    let mut findings = Vec::new();
    for name in names.into_iter().filter(is_judged) {
        let rule = expected.vary.iter().find(|vary| vary.place == VaryPlace::Header(name.to_owned()));
        let wanted = fields::value(&expected.head, name).unwrap_or_default();
        let came = fields::value(got, name);
        let why = match (rule, &came) {
            (Some(rule), None) if rule.allows_absence() => continue,
            (Some(rule), Some(came)) => match rule.breach_of_text(came) {
                Some(expected) => format!("{name}: expected {expected}"),
                None => continue,
            },
            // Accepts any value in place of a secret that the recorder left out, but no absence.
            (None, Some(_)) if wanted.split(", ").all(|value| is_masked(name, value)) => continue,
            _ if fields::breach(got, name, &wanted).is_none() => continue,
            (_, None) => format!("{name} is missing"),
            _ => name.to_owned(),
        };
        let actual = came.map_or_else(|| format!("no {name}"), |came| format!("{name}: {came}"));
        findings.push((name, Finding::new(place, format!("{name}: {wanted}"), actual, why)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::facts::ByteTimes;
    use super::*;
    use crate::judge::made_up::head;

    #[test]
    fn a_coding_is_left_to_the_body() {
        let recorded = head(&[("content-encoding", "gzip"), ("x-a", "1")]);
        let expected = HeadFact { line: 3, times: ByteTimes::default(), head: recorded, vary: Vec::new() };
        assert_eq!(header_findings("a:3", &expected, &head(&[("x-a", "1")]), false).len(), 0);
    }

    #[test]
    fn the_headers_of_a_connection_are_not_compared() {
        let recorded = head(&[("connection", "keep-alive, X-Hop"), ("x-hop", "1"), ("date", "now"), ("x-a", "1")]);
        let expected = HeadFact { line: 3, times: ByteTimes::default(), head: recorded, vary: Vec::new() };
        let told = |got: &Head| -> Vec<String> {
            header_findings("a:3", &expected, got, false).into_iter().map(|(name, _)| name.to_owned()).collect()
        };
        assert_eq!(told(&head(&[("x-a", "1")])), [""; 0]);
        assert_eq!(told(&head(&[("x-hop", "2"), ("x-a", "2")])), ["x-a"]);
    }
}
