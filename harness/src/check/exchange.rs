//! Single requests: sends each raw, and holds the answer against what must be true of it.

use std::time::Duration;

use onbeat_wire::How;
use onbeat_wire::printable::visible;

use super::target::Target;
use crate::fixtures::format::{Exchange, Then};
use crate::judge::case::{Aspect, Case, Tier};
use crate::judge::evidence::{Evidence, Finding, clipped};
use crate::judge::{compare, fields};
use crate::player::{Action, Bounds, ClientLog, HttpExchange};

/// An answer is given up after this long; one that may differ anyway, or is long, after another time.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_TO_OBSERVE: Duration = Duration::from_secs(2);
const PATIENCE_FOR_A_STREAM: Duration = Duration::from_secs(15);
/// A body of this length is a stream's.
const STREAM_BYTES_MIN: usize = 1000;

/// Sends the request, and waits for what is expected of the answer; nothing if the target can't be reached.
pub(super) async fn perform(target: &mut impl Target, exchange: &Exchange, cases: &[Case]) -> Option<ClientLog> {
    let mut client = target.connect(Bounds { bytes_max: 1 << 20, entries_max: 1 << 12 }).await.ok()?;
    let Exchange { request, response, then, .. } = exchange;
    client.act(Action::request(target.address(request))).await;
    let observes = cases.iter().any(|case| exchange.cases.contains(&case.id) && case.tier == Tier::Observe);
    let streams = response.body.as_ref().is_some_and(|body| body.len() > STREAM_BYTES_MIN);
    let patience = match (streams, observes) {
        (true, _) => PATIENCE_FOR_A_STREAM,
        (false, true) => PATIENCE_TO_OBSERVE,
        (false, false) => PATIENCE,
    };
    let enough = |log: &ClientLog| {
        let Some(got) = log.first_exchange() else { return false };
        let told = got.end.is_some() || failed(&got, exchange);
        match &response.body_start {
            Some(start) => told || got.body().len() >= start.len(),
            None => told && *then != Then::Closed,
        }
    };
    client.until_within(patience, enough).await;
    Some(client.close().await)
}

/// Returns whether the status is wrong already: there is nothing to wait for.
fn failed(got: &HttpExchange, exchange: &Exchange) -> bool {
    got.head.is_some() && !status_fits(got.status(), exchange)
}

fn status_fits(status: u16, exchange: &Exchange) -> bool {
    let class = exchange.response.status_class.as_deref();
    exchange.response.status.is_none_or(|expected| status == expected)
        && class.is_none_or(|class| class.starts_with(&(status / 100).to_string()))
}

/// Holds the log of a client against the fixture.
pub(super) fn judge<'a>(cases: &'a [Case], exchange: &Exchange, log: Option<&ClientLog>) -> Evidence<'a> {
    let mut evidence = Evidence::new(cases);
    evidence.judged(&exchange.cases);
    let unreached = || vec![breach(Aspect::Presence, "an answer", "no connection")];
    for Breach { aspect, header, expected, actual } in log.map_or_else(unreached, |log| breaches(exchange, log)) {
        let line = exchange.request.lines().next().unwrap_or_default();
        let finding = Finding {
            place: format!("requests/{}", exchange.id),
            t_ms: None,
            first_differing_byte: None,
            expected: clipped(expected),
            actual: clipped(actual),
            why: line.chars().take(60).flat_map(char::escape_debug).collect(),
        };
        match header {
            Some(name) => evidence.found_in_header(&exchange.cases, &name, &finding),
            None => evidence.found(&exchange.cases, aspect, &finding),
        }
    }
    evidence.took(log.map(ClientLog::lasted).unwrap_or_default());
    evidence
}

/// Something that is wrong with an answer.
struct Breach {
    aspect: Aspect,
    /// Which header, if it is one.
    header: Option<String>,
    expected: String,
    actual: String,
}

fn breach(aspect: Aspect, expected: impl Into<String>, actual: impl Into<String>) -> Breach {
    Breach { aspect, header: None, expected: expected.into(), actual: actual.into() }
}

fn in_header(name: &str, expected: String, actual: String) -> Breach {
    Breach { aspect: Aspect::Header, header: Some(name.into()), expected, actual }
}

/// Returns what is wrong with the answer.
fn breaches(exchange: &Exchange, log: &ClientLog) -> Vec<Breach> {
    let Exchange { response, then, .. } = exchange;
    let status = response.status.map_or_else(|| response.status_class.clone().unwrap_or_default(), |it| it.to_string());
    let Some(got) = log.first_exchange() else { return Vec::new() };
    let Some((_, head)) = &got.head else {
        let why = got.broken.clone().unwrap_or_else(|| "no answer came in time".into());
        return vec![breach(Aspect::Presence, status, why)];
    };
    if !status_fits(head.status, exchange) {
        return vec![breach(Aspect::Status, status, head.status.to_string())];
    }
    let mut breaches = Vec::new();
    for (name, value) in &response.headers {
        let came = fields::value(head, name);
        if !came.as_ref().is_some_and(|came| fields::same(name, value, came)) {
            let actual = came.map_or_else(|| format!("no {name}"), |came| format!("{name}: {came}"));
            breaches.push(in_header(name, format!("{name}: {value}"), actual));
        }
    }
    for name in &response.absent {
        if let Some(value) = fields::value(head, name) {
            breaches.push(in_header(name, format!("no {name}"), format!("{name}: {value}")));
        }
    }
    if let Some(coding) = fields::coding(head) {
        breaches.push(in_header(
            "content-encoding",
            "no content-encoding".into(),
            format!("content-encoding: {coding}"),
        ));
    }
    let body = got.body();
    if let Some(expected) = &response.body {
        // How many clients others have, nobody knows.
        if !compare::compare(expected, &response.vary, &body, None).is_empty() {
            breaches.push(breach(Aspect::Bytes, visible(expected.as_bytes()), visible(&body)));
        }
        if !matches!(got.end, Some((_, How::Complete))) {
            breaches.push(breach(Aspect::End, "a complete response", got.why_no_more()));
        }
    }
    if let Some(start) = &response.body_start
        && !body.starts_with(start.as_bytes())
    {
        breaches.push(breach(Aspect::Bytes, visible(start.as_bytes()), visible(&body)));
    }
    let closed = log.closed_at().is_some();
    match then {
        Then::Closed if !closed => {
            breaches.push(breach(Aspect::End, "a closed connection", "the server keeps it open"));
        }
        Then::Open if closed => {
            breaches.push(breach(Aspect::End, "a connection that stays open", "the server closed it"));
        }
        Then::Closed | Then::Open | Then::Either => {}
    }
    breaches
}
