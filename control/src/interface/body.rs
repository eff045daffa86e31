//! The body of a request for control: JSON, bounded in size and time.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body as _;
use onbeat_clock::machine_pause;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use onbeat_faults::form::shown;

/// The most bytes of most bodies.
pub(super) const BYTES_MAX: usize = 64 * 1024;
/// The most bytes of all bodies that are read at a time.
pub(super) const ALL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most time for a body, in the machine's time.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// The body of a request.
pub(super) struct Body {
    bytes: Vec<u8>,
    /// The share of the memory for all bodies.
    _share: OwnedSemaphorePermit,
}

impl Body {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads the body of a request, of at most `bytes_max` bytes. Returns `None` for a request without a body, which needs no
/// type.
pub(super) async fn read(request: Request, bytes_max: usize, memory: &Arc<Semaphore>) -> Result<Option<Body>, Refusal> {
    if !is_announced(request.headers()) && !request.headers().contains_key(CONTENT_TYPE) {
        return Ok(None);
    }
    // Refuses by the headers first, which costs neither memory nor time.
    check(request.headers(), bytes_max)?;
    tokio::select! {
        biased;
        body = collect(request, bytes_max, memory) => body.map(Some),
        () = machine_pause(BODY_TIME_MAX) => {
            let reason = format!("expected all of the body within {} s", BODY_TIME_MAX.as_secs());
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "body", reason))
        }
    }
}

/// Returns whether the headers announce a body.
fn is_announced(headers: &HeaderMap) -> bool {
    let is_empty = |length: &HeaderValue| length.as_bytes() == b"0";
    headers.contains_key(TRANSFER_ENCODING) || !headers.get(CONTENT_LENGTH).is_none_or(is_empty)
}

/// Refuses a body that is not JSON or too long, before a byte is read.
fn check(headers: &HeaderMap, bytes_max: usize) -> Result<(), Refusal> {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let refuse = |field: &str, reason| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, field, reason));
    let content_type = header(CONTENT_TYPE).unwrap_or("none");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") || headers.get_all(CONTENT_TYPE).iter().count() > 1 {
        return refuse("content-type", format!("expected application/json, once, got {}", shown(content_type)));
    }
    // Refuses codings, by which a small body can become a large body.
    if let Some(coding) = header(CONTENT_ENCODING) {
        return refuse("content-encoding", format!("expected a body as it is, got one in {}", shown(coding)));
    }
    let declared = header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > bytes_max as u64) { Err(too_long(bytes_max)) } else { Ok(()) }
}

async fn collect(request: Request, bytes_max: usize, memory: &Arc<Semaphore>) -> Result<Body, Refusal> {
    let mut body = request.into_body();
    let share = |bytes: usize| Arc::clone(memory).try_acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX));
    let (mut bytes, mut held) = (Vec::new(), share(0).expect("the memory is never closed"));
    while let Some(frame) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame
            .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "body", format!("failed to be read: {error}")))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > bytes_max {
            return Err(too_long(bytes_max));
        }
        // Takes memory piece by piece out of a common bound, since many clients may send bodies at the same time.
        let Ok(more) = share(data.len()) else {
            let reason = format!("expected at most {ALL_BYTES_MAX} bytes of bodies under way at a time: try again");
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "body", reason));
        };
        held.merge(more);
        bytes.extend_from_slice(&data);
    }
    Ok(Body { bytes, _share: held })
}

fn too_long(bytes_max: usize) -> Refusal {
    let reason = format!("expected at most {bytes_max} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body", reason)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Bytes;
    use futures_util::{StreamExt, stream};
    use tokio_test::task;

    use super::*;

    /// Returns a request whose body has the bytes, and then ends or stays under way.
    fn posted(bytes: &'static [u8], ends: bool) -> Request {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(bytes))]);
        let body = if ends { first.left_stream() } else { first.chain(stream::pending()).right_stream() };
        let request = Request::post("/").header(CONTENT_TYPE, "application/json").header(TRANSFER_ENCODING, "chunked");
        request.body(axum::body::Body::from_stream(body)).expect("a request")
    }

    #[tokio::test]
    async fn all_bodies_that_are_read_share_a_bounded_memory() {
        let memory = Arc::new(Semaphore::new(4));
        let mut under_way = task::spawn(read(posted(b"123", false), 10, &memory));
        assert!(under_way.poll().is_pending());
        assert_eq!(memory.available_permits(), 1);
        let refused = read(posted(b"12", true), 10, &memory).await.err().expect("no room for the body");
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        let body = read(posted(b"1", true), 10, &memory).await.ok().flatten().expect("room for the body");
        assert_eq!((body.bytes(), memory.available_permits()), (b"1".as_slice(), 0));
        drop((under_way, body));
        assert_eq!(memory.available_permits(), 4);
    }
}
