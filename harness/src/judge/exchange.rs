//! Single requests: each sent raw on a connection of its own, and judged by what must be true of the answer.

use onbeat_wire::printable::visible;
use onbeat_wire::recording::Vary;
use onbeat_wire::{Head, How};
use serde::{Deserialize, Serialize};

use super::{Aspect, Case, Evidence, Finding, compare, fields};
use crate::player::{ClientLog, HttpExchange};

/// A request, and what must be true of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExpectedExchange {
    pub(crate) id: String,
    pub(crate) cases: Vec<String>,
    /// The raw bytes of the request.
    pub(crate) request: String,
    pub(crate) response: AnswerRules,
    pub(crate) then: AfterAnswer,
}

/// What must be true of an answer. A server is free to add other headers, and to choose a body where none is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnswerRules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status_class: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<(String, String)>,
    /// The names of headers that must be absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) absent: Vec<String>,
    /// The whole body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// The beginning of the body of a stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body_start: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) vary: Vec<Vary>,
}

/// The state of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AfterAnswer {
    /// The server closes the connection.
    Closed,
    /// The connection can be used again, or the stream goes on.
    Open,
    /// Either, as a proxy in between likes.
    #[serde(skip)]
    Either,
}

impl AnswerRules {
    /// Returns whether a status is as expected.
    pub(crate) fn has_status(&self, status: u16) -> bool {
        let class = self.status_class.as_deref();
        self.status.is_none_or(|expected| status == expected)
            && class.is_none_or(|class| class.starts_with(&(status / 100).to_string()))
    }

    fn status_text(&self) -> String {
        self.status.map_or_else(|| self.status_class.clone().unwrap_or_default(), |status| status.to_string())
    }
}

impl ExpectedExchange {
    /// Holds the log of a client against the request; no log if the server was not reached.
    pub(crate) fn judge<'a>(&self, cases: &'a [Case], log: Option<&ClientLog>) -> Evidence<'a> {
        let mut trial = AnswerTrial { evidence: Evidence::new(cases), expected: self };
        trial.evidence.judged(&self.cases);
        match log {
            Some(log) => log.first_exchange().into_iter().for_each(|got| trial.answer(log, &got)),
            None => trial.found(Aspect::Presence, "an answer", "no connection"),
        }
        trial.evidence.took(log.map(ClientLog::lasted).unwrap_or_default());
        trial.evidence
    }
}

/// The answer to one request being judged.
struct AnswerTrial<'a, 's> {
    evidence: Evidence<'a>,
    expected: &'s ExpectedExchange,
}

impl AnswerTrial<'_, '_> {
    fn finding(&self, expected: impl Into<String>, actual: impl Into<String>) -> Finding {
        // Shows only the beginning, since a request may be raw bytes of any length.
        let line = self.expected.request.lines().next().unwrap_or_default();
        let why: String = line.chars().take(60).flat_map(char::escape_debug).collect();
        Finding::new(format!("requests/{}", self.expected.id), expected, actual, why)
    }

    fn found(&mut self, aspect: Aspect, expected: impl Into<String>, actual: impl Into<String>) {
        let finding = self.finding(expected, actual);
        self.evidence.found(&self.expected.cases, aspect, &finding);
    }

    /// Judges an answer. An answer with the wrong status is another answer, whose headers and body say nothing.
    fn answer(&mut self, log: &ClientLog, got: &HttpExchange) {
        let expected = &self.expected.response;
        let Some((_, head)) = &got.head else {
            let why = got.broken.clone().unwrap_or_else(|| "no answer came in time".into());
            return self.found(Aspect::Presence, expected.status_text(), why);
        };
        if !expected.has_status(head.status) {
            return self.found(Aspect::Status, expected.status_text(), head.status.to_string());
        }
        self.headers(head);
        self.body(got);
        // Judges the connection last, since a wrong body may have closed the connection.
        match (self.expected.then, log.closed_at().is_some()) {
            (AfterAnswer::Closed, false) => {
                self.found(Aspect::End, "a closed connection", "the server keeps it open");
            }
            (AfterAnswer::Open, true) => {
                self.found(Aspect::End, "a connection that stays open", "the server closed it");
            }
            _ => {}
        }
    }

    fn headers(&mut self, head: &Head) {
        let present = self.expected.response.headers.iter();
        let wrong = present.filter_map(|(name, value)| Some((name, fields::breach(head, name, value)?)));
        let absent = self.expected.response.absent.iter();
        let unwanted = absent.filter_map(|name| Some((name, fields::presence(head, name)?)));
        for (name, (expected, actual)) in wrong.chain(unwanted) {
            let finding = self.finding(expected, actual);
            self.evidence.found_in_header(&self.expected.cases, name, &finding);
        }
        // Refuses each coding, since the request accepts none, even where the body is not compared.
        if let Some(coding) = fields::coding(head) {
            let finding = self.finding("no content-encoding", format!("content-encoding: {coding}"));
            self.evidence.found_in_header(&self.expected.cases, "content-encoding", &finding);
        }
    }

    fn body(&mut self, got: &HttpExchange) {
        let (expected, body) = (&self.expected.response, got.body());
        if let Some(whole) = &expected.body {
            // Leaves the number of other clients open, since the number is unknown.
            if !compare::compare(whole, &expected.vary, &body, None).is_empty() {
                self.found(Aspect::Bytes, visible(whole.as_bytes()), visible(&body));
            }
            // Judges the end as well: a whole body may be followed by more, or by no end.
            if !matches!(got.end, Some((_, How::Complete))) {
                self.found(Aspect::End, "a complete response", got.why_no_more());
            }
        }
        if let Some(start) = &expected.body_start
            && !body.starts_with(start.as_bytes())
        {
            self.found(Aspect::Bytes, visible(start.as_bytes()), visible(&body));
        }
    }
}
