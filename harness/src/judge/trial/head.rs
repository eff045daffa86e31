//! The head of a response: the status, each header by the rule of its RFC, and the time.

use onbeat_wire::recording::{Fact, RawRequest, ResponseHead};

use super::{Comparison, Trial};
use crate::judge::{Aspect, Skipped, fields};

impl Trial<'_, '_> {
    /// Judges the head, and returns whether the body can be judged.
    pub(super) fn head(&mut self, Comparison { expected, got }: Comparison) -> bool {
        let Some(head) = expected.head else { return false };
        let cases = &head.1.notes.cases;
        let Fact::Head(ResponseHead { status, headers }) = &head.1.fact else { return false };
        let asked = match &expected.request.1.fact {
            Fact::RawRequest(RawRequest { text }) => {
                text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
            }
            _ => "",
        };
        // Each failure explains all later lines of the response, which are skipped: no head, another status, an encoded body.
        let Some((at, answer)) = &got.head else {
            let why = got.broken.clone().unwrap_or_else(|| "no answer came".into());
            let finding = self.finding(head, format!("{asked} answered with {status}"), why.clone(), "no answer");
            self.evidence.found(cases, Aspect::Status, &finding);
            self.skip(expected, &Skipped::OtherAnswer(format!("{asked}: {why}")));
            return false;
        };
        self.evidence.judged(cases);
        if answer.status != *status {
            let (expected_status, actual) = (status.to_string(), answer.status.to_string());
            let finding = self.finding(head, expected_status, actual, format!("status of {asked}"));
            self.evidence.found(cases, Aspect::Status, &finding);
            self.skip(expected, &Skipped::OtherAnswer(format!("{asked} was answered with {}", answer.status)));
            return false;
        }
        let length = got.body().len().to_string();
        for (name, value) in headers {
            let wanted = match &name[..] {
                // The chunks of the body are judged with the writes.
                "transfer-encoding" => continue,
                // A body is longer than in the scenario if a count has more digits. The answer to HEAD has no body to compare.
                "content-length" if !got.writes.is_empty() => &length,
                "content-length" if answer.header(name).is_some_and(|length| length.parse::<u64>().is_ok()) => continue,
                _ => value,
            };
            if let Some((expected, actual)) = fields::breach(answer, name, wanted) {
                let finding = self.finding(head, expected, actual, "header");
                self.evidence.found_in_header(cases, name, &finding);
            }
        }
        if let Some(coding) = fields::coding(answer) {
            let actual = format!("content-encoding: {coding}");
            let finding = self.finding(head, "a body that is not encoded", actual, "nobody asked for it");
            self.evidence.found_in_header(cases, "content-type", &finding);
            self.skip(expected, &Skipped::OtherAnswer(format!("{asked}: the body is encoded as {coding}")));
            return false;
        }
        // A late head says nothing about the body, which has times of lines.
        let late = *at - got.sent;
        if late > self.pace.late_max + self.stalls.within(got.sent, *at) {
            let actual = format!("the head after {} ms", late.as_millis());
            let finding = self.finding(head, "the head at once", actual, "held back");
            self.evidence.found_late(cases, &[Aspect::HeadTime, Aspect::Time], &finding);
        }
        true
    }
}
