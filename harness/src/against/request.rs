//! The request of a recording, as it is sent again.

#[cfg(feature = "live")]
mod to_server;

use std::collections::BTreeSet;

use bytes::Bytes;
use onbeat_wire::jsonl::Problem;
use onbeat_wire::recording::{Body, RecordedRequest};
use onbeat_wire::{header_bytes, is_connection_field};

use crate::check::ExtraHeaders;
use crate::record::Secrets;

/// Fields that the address of the server decides, or the framing of the body.
const OWN_FIELDS: [&str; 3] = ["host", "content-length", "expect"];
/// A value of so many `x` and nothing else is a secret that the recorder left out.
pub(super) const MASK_MIN: usize = 4;

/// The request of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReplayRequest {
    pub(super) method: String,
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The names of the headers and query parameters whose values the recorder left out.
    pub(super) masked: Vec<String>,
}

impl ReplayRequest {
    /// Returns the request with a body.
    ///
    /// # Errors
    ///
    /// If the body is incomplete.
    pub(super) fn of(recorded: RecordedRequest, body: Option<&Body>) -> Result<Self, Problem> {
        let RecordedRequest { method, target, headers } = recorded;
        if body.is_some_and(|body| body.is_cut) {
            return Err(Problem::field(
                "body.cut",
                "the whole body: the recorder kept the beginning alone, so that the request can't be sent again; put the \
                 whole body here, and delete the key",
            ));
        }
        let body = body.map(|body| body.bytes.clone()).unwrap_or_default();
        let masked = headers.iter().filter(|(name, value)| is_masked(name, value)).map(|(name, _)| name.clone());
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
        let parameters = parameters.filter(|(name, value)| is_masked(name, value)).map(|(name, _)| format!("?{name}"));
        let masked = masked.chain(parameters).collect();
        Ok(Self { method, target: origin_form(&target), headers, body, masked })
    }

    /// Returns the fields to send: the recorded fields, and further ones, which replace the recorded fields of the same names.
    /// Left out are the fields that the connection decides, and the secrets that the recorder left out.
    fn fields(&self, more: &MoreHeaders) -> Vec<(String, String)> {
        let more = more.of_request(self);
        let is_given = |name: &str| more.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let is_own =
            |name: &str| is_connection_field(name) || OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name));
        let kept = self.headers.iter().filter(|(name, value)| {
            // Keeps `content-length: 0` of a request without a body.
            let says_empty = name.eq_ignore_ascii_case("content-length") && value == "0" && self.body.is_empty();
            says_empty || !is_own(name) && !is_given(name) && !is_masked(name, value)
        });
        kept.cloned().chain(more.iter().cloned()).collect()
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// The further headers of a check, and which requests they belong to.
#[derive(Debug)]
pub(super) struct MoreHeaders {
    headers: Vec<(String, String)>,
    /// The names of the headers that the recorder left out of some request, in lower case.
    left_out: BTreeSet<String>,
}

impl MoreHeaders {
    /// Returns the further headers of a check of these requests.
    pub(super) fn of<'r>(more: &ExtraHeaders, requests: impl Iterator<Item = &'r ReplayRequest>) -> Self {
        let left_out = requests.flat_map(|request| &request.masked).map(|name| name.to_ascii_lowercase()).collect();
        Self { headers: more.pairs().collect(), left_out }
    }

    /// Returns the headers of a request. A header in place of a secret belongs to the requests that had the secret, and any other
    /// header to all requests.
    fn of_request(&self, request: &ReplayRequest) -> Vec<(String, String)> {
        let belongs =
            |name: &str| request.has_header(name) || !self.left_out.contains(name.to_ascii_lowercase().as_str());
        self.headers.iter().filter(|(name, _)| belongs(name)).cloned().collect()
    }
}

impl ReplayRequest {
    /// Returns the bytes of the request to an application in a lab: for the recorded host, unless another is given.
    pub(super) fn in_lab(&self, more: &MoreHeaders) -> Bytes {
        let fields = self.fields(more);
        let host = |fields: &[(String, String)]| {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.clone())
        };
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if host(&fields).is_none() {
            // Adds the recorded host, which the fields leave out for a server with an address of its own.
            head += &format!("host: {}\r\n", host(&self.headers).unwrap_or_else(|| "onbeat".into()));
        }
        for (name, value) in &fields {
            head += &format!("{name}: {value}\r\n");
        }
        // Frames the body anew, since the fields leave out the recorded length.
        if !self.body.is_empty() {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        [&header_bytes(&head), &b"\r\n"[..], &self.body].concat().into()
    }
}

/// Returns the path and the query of a target, without a scheme and a host.
fn origin_form(target: &str) -> String {
    // Takes a target with a path for no URL, since a path and a query may have a URL as well.
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return target.to_owned();
    };
    match rest.find(['/', '?']).map(|at| &rest[at..]) {
        Some(path) if path.starts_with('/') => path.to_owned(),
        query => format!("/{}", query.unwrap_or_default()),
    }
}

/// Returns whether the recorder may have left out a secret within a text.
pub(super) fn has_mask(text: &str) -> bool {
    text.contains(&"x".repeat(MASK_MIN))
}

/// Returns whether the recorder left out the value of a header or a query parameter.
pub(super) fn is_masked(name: &str, value: &str) -> bool {
    let only_x = !value.is_empty() && value.bytes().all(|byte| byte == b'x');
    only_x && (value.len() >= MASK_MIN || Secrets::default().covers(name))
}
