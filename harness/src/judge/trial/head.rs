//! The head of a response: the status, each header by the rule of its RFC, and the time.

use onbeat_wire::recording::{Fact, RawRequest, ResponseHead};

use super::Trial;
use crate::judge::case::Aspect;
use crate::judge::fields;
use crate::judge::responses::Expected;
use crate::judge::scene::Numbered;
use crate::player::HttpExchange;

impl Trial<'_, '_> {
    /// Judges the head; returns whether the body is worth a look.
    pub(super) fn head(&mut self, expected: &Expected, head: Numbered, got: &HttpExchange) -> bool {
        let cases = &head.1.notes.cases;
        let Fact::Head(ResponseHead { status, headers }) = &head.1.fact else { return false };
        let asked = match &expected.request.1.fact {
            Fact::RawRequest(RawRequest { text }) => {
                text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
            }
            _ => "",
        };
        let Some((at, answer)) = &got.head else {
            let why = got.broken.clone().unwrap_or_else(|| "no answer came".into());
            let finding = self.finding(head, format!("{asked} answered with {status}"), why.clone(), "no answer");
            self.evidence.found(cases, Aspect::Status, &finding);
            self.unjudge(expected, &format!("{asked}: {why}"));
            return false;
        };
        self.evidence.judged(cases);
        if answer.status != *status {
            let finding =
                self.finding(head, status.to_string(), answer.status.to_string(), format!("status of {asked}"));
            self.evidence.found(cases, Aspect::Status, &finding);
            self.unjudge(expected, &format!("{asked} was answered with {}", answer.status));
            return false;
        }
        for (name, value) in headers {
            self.header(head, got, name, value);
        }
        if let Some(coding) = fields::coding(answer) {
            let actual = format!("content-encoding: {coding}");
            let finding = self.finding(head, "a body that is not encoded", actual, "nobody asked for it");
            self.evidence.found_in_header(cases, "content-type", &finding);
            self.unjudge(expected, &format!("{asked}: the body is encoded as {coding}"));
            return false;
        }
        let late = *at - got.sent;
        if late > self.pace.late_max + self.stalls.within(got.sent, *at) {
            let actual = format!("the head after {} ms", late.as_millis());
            let finding = self.finding(head, "the head at once", actual, "held back");
            self.evidence.found_late(cases, &[Aspect::HeadTime, Aspect::Time], &finding);
        }
        true
    }

    fn header(&mut self, head: Numbered, got: &HttpExchange, name: &str, value: &str) {
        let came = got.head.as_ref().and_then(|(_, head)| fields::value(head, name));
        let came = came.as_deref();
        let mut wanted = value.to_owned();
        let right = match name {
            // The chunks themselves tell.
            "transfer-encoding" => return,
            "content-length" => match came.and_then(|length| length.parse::<usize>().ok()) {
                None => false,
                // The answer to HEAD has a length without a body.
                Some(length) => {
                    // A body is longer than expected if a count has more digits.
                    let body = got.body().len();
                    wanted = if got.writes.is_empty() { wanted } else { body.to_string() };
                    got.writes.is_empty() || length == body
                }
            },
            _ => came.is_some_and(|came| fields::same(name, value, came)),
        };
        if !right {
            let actual = came.map_or_else(|| format!("no {name}"), |came| format!("{name}: {came}"));
            let finding = self.finding(head, format!("{name}: {wanted}"), actual, "header");
            self.evidence.found_in_header(&head.1.notes.cases, name, &finding);
        }
    }
}
