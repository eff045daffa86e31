//! The head of a response: the status, each header by the rule of its RFC, and the time.

use onbeat_wire::recording::{Fact, RawRequest, ResponseHead};
use onbeat_wire::{Head, Instant};

use super::{Comparison, Trial};
use crate::judge::{Aspect, NumberedLine, Skipped, fields};
use crate::player::HttpExchange;

impl Trial<'_, '_> {
    /// Judges the head, and returns whether the body can be judged.
    pub(super) fn head(&mut self, Comparison { expected, got }: Comparison) -> bool {
        let Some(head) = expected.head else { return false };
        let Fact::Head(wanted) = &head.1.fact else { return false };
        let asked = request_line(expected.request);
        // Skips all later lines of the response behind a failure: no head, another status, or an encoded body.
        let failure = match &got.head {
            None => Some(self.no_answer(head, wanted, asked, got)),
            Some((at, answer)) => {
                let failure = self.answer(head, wanted, asked, answer, got);
                if failure.is_none() {
                    self.head_time(head, *at, got);
                }
                failure
            }
        };
        if let Some(why) = &failure {
            self.skip(expected, &Skipped::OtherAnswer(why.clone()));
        }
        failure.is_none()
    }

    /// Notes that no head came, and returns why in words.
    fn no_answer(&mut self, head: NumberedLine, wanted: &ResponseHead, asked: &str, got: &HttpExchange) -> String {
        let why = got.broken.clone().unwrap_or_else(|| "no answer came".into());
        let expected = format!("{asked} answered with {}", wanted.status);
        let finding = self.finding(head, expected, why.clone(), "no answer");
        self.evidence.found(&head.1.notes.cases, Aspect::Status, &finding);
        format!("{asked}: {why}")
    }

    /// Judges the status and the headers; returns in words why the body can't be judged, if so.
    fn answer(
        &mut self,
        head: NumberedLine,
        wanted: &ResponseHead,
        asked: &str,
        answer: &Head,
        got: &HttpExchange,
    ) -> Option<String> {
        let cases = &head.1.notes.cases;
        self.evidence.judged(cases);
        if answer.status != wanted.status {
            let (expected, actual) = (wanted.status.to_string(), answer.status.to_string());
            let finding = self.finding(head, expected, actual, format!("status of {asked}"));
            self.evidence.found(cases, Aspect::Status, &finding);
            return Some(format!("{asked} was answered with {}", answer.status));
        }
        self.headers(head, wanted, answer, got);
        let coding = fields::coding(answer)?;
        let actual = format!("content-encoding: {coding}");
        let finding = self.finding(head, "a body that is not encoded", actual, "nobody asked for it");
        self.evidence.found_in_header(cases, "content-type", &finding);
        Some(format!("{asked}: the body is encoded as {coding}"))
    }

    /// Judges each header that the scenario names. Further headers may come.
    fn headers(&mut self, head: NumberedLine, wanted: &ResponseHead, answer: &Head, got: &HttpExchange) {
        let length = got.body().len().to_string();
        for (name, value) in &wanted.headers {
            let wanted = match &name[..] {
                // Leaves the chunks of the body to the judgement of the writes.
                "transfer-encoding" => continue,
                // Compares with the body: counts may have more digits than in the scenario. The answer to HEAD has no body.
                "content-length" if !got.writes.is_empty() => &length,
                "content-length" if answer.header(name).is_some_and(|length| length.parse::<u64>().is_ok()) => continue,
                _ => value,
            };
            if let Some((expected, actual)) = fields::breach(answer, name, wanted) {
                let finding = self.finding(head, expected, actual, "header");
                self.evidence.found_in_header(&head.1.notes.cases, name, &finding);
            }
        }
    }

    /// Judges whether the head came at once. A late head says nothing about the body, which has times of lines.
    fn head_time(&mut self, head: NumberedLine, at: Instant, got: &HttpExchange) {
        let late = at - got.sent;
        if late > self.pace.late_max + self.stalls.within(got.sent, at) {
            let actual = format!("the head after {} ms", late.as_millis());
            let finding = self.finding(head, "the head at once", actual, "held back");
            self.evidence.found_in_doubt(&head.1.notes.cases, &[Aspect::HeadTime, Aspect::Time], &finding);
        }
    }
}

/// Returns the method and the target of a request.
fn request_line(request: NumberedLine<'_>) -> &str {
    let Fact::RawRequest(RawRequest { text }) = &request.1.fact else { return "" };
    text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
}
