//! Single requests: sends each raw, and holds the answer against what must be true of it.

use std::time::Duration;

use onbeat_wire::How;
use onbeat_wire::printable::visible;

use super::target::Target;
use crate::account::{Account, Note};
use crate::client::Bounds;
use crate::fixtures::format::{Exchange, Then};
use crate::judge::case::{Aspect, Case, Tier};
use crate::judge::evidence::{Evidence, Finding, clipped};
use crate::judge::responses::{self, Got};
use crate::judge::{compare, fields};

/// An answer is given up after this long; one that may differ anyway, or is long, after another time.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_TO_OBSERVE: Duration = Duration::from_secs(2);
const PATIENCE_FOR_A_STREAM: Duration = Duration::from_secs(15);
/// A body of this length is a stream's.
const STREAM_BYTES_MIN: usize = 1000;

/// Sends the request, and waits for what is expected of the answer; nothing if the target can't be reached.
pub(super) async fn perform(target: &mut impl Target, exchange: &Exchange, cases: &[Case]) -> Option<Account> {
    let mut client = target.connect(Bounds { bytes_max: 1 << 20, notes_max: 1 << 12 }).await.ok()?;
    let Exchange { request, response, then, .. } = exchange;
    client.expect(request.split(' ').next().unwrap_or_default());
    client.send(target.address(request).as_bytes()).await;
    let observes = cases.iter().any(|case| exchange.cases.contains(&case.id) && case.tier == Tier::Observe);
    let streams = response.body.as_ref().is_some_and(|body| body.len() > STREAM_BYTES_MIN);
    let patience = match (streams, observes) {
        (true, _) => PATIENCE_FOR_A_STREAM,
        (false, true) => PATIENCE_TO_OBSERVE,
        (false, false) => PATIENCE,
    };
    let enough = |account: &Account| {
        let Some(got) = responses::got(account).into_iter().next() else { return false };
        let told = got.end.is_some() || failed(&got, exchange);
        match &response.body_start {
            Some(start) => told || got.body().len() >= start.len(),
            None => told && *then != Then::Closed,
        }
    };
    let clock = target.clock();
    tokio::select! {
        biased;
        () = client.until(enough) => {}
        () = clock.sleep_until(clock.now() + patience) => {}
    }
    Some(client.close().await)
}

/// The status is wrong already: there is nothing to wait for.
fn failed(got: &Got, exchange: &Exchange) -> bool {
    got.head.as_ref().is_some_and(|(_, head)| !status_fits(head.status, exchange))
}

fn status_fits(status: u16, exchange: &Exchange) -> bool {
    let class = exchange.response.status_class.as_deref();
    exchange.response.status.is_none_or(|expected| status == expected)
        && class.is_none_or(|class| class.starts_with(&(status / 100).to_string()))
}

/// Holds an account of the exchange against the fixture.
pub(super) fn judge<'a>(cases: &'a [Case], exchange: &Exchange, account: Option<&Account>) -> Evidence<'a> {
    let mut evidence = Evidence::new(cases);
    evidence.judged(&exchange.cases);
    let unreached = || vec![breach(Aspect::Presence, "an answer", "no connection")];
    for Breach { aspect, header, expected, actual } in account.map_or_else(unreached, |it| breaches(exchange, it)) {
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
    evidence.took(account.map(Account::lasted).unwrap_or_default());
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

/// What is wrong with the answer.
fn breaches(exchange: &Exchange, account: &Account) -> Vec<Breach> {
    let Exchange { response, then, .. } = exchange;
    let got = responses::got(account);
    let status = response.status.map_or_else(|| response.status_class.clone().unwrap_or_default(), |it| it.to_string());
    let Some(got) = got.first() else { return Vec::new() };
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
    let closed = account.notes.iter().any(|(_, note)| *note == Note::ServerClosed);
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
