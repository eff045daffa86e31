//! The entrance to a world: counts every request, and shows both sides of the exchange to the interceptor.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Body as _;
use onbeat_wire::How;
use parking_lot::Mutex;

use crate::application::Application;
use crate::body::{BodyRoom, GrowingBody, TooLong};
use crate::connection::Connection;
use crate::context::{RequestContext, clipped, plain_path};
use crate::driver::{Driver, HookSlot};
use crate::interceptor::Interceptor;
use crate::world::World;

/// A world, the interceptor of the exchanges there, and the application before the built-in endpoints.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) world: Arc<World>,
    pub(crate) interceptor: Option<Arc<dyn Interceptor>>,
    pub(crate) application: Option<Arc<dyn Application>>,
    pub(crate) bodies: BodyRoom,
    /// Held from the count of a request until the interceptor has seen the request, so that both have one order.
    pub(crate) admission: Arc<Mutex<()>>,
}

impl Entrance {
    pub(crate) fn new(
        world: Arc<World>,
        interceptor: Option<Arc<dyn Interceptor>>,
        application: Option<Arc<dyn Application>>,
    ) -> Self {
        Self { world, interceptor, application, bodies: BodyRoom::default(), admission: Arc::default() }
    }
}

/// Counts a request, and plays the answer through the hook of the interceptor.
pub(crate) async fn enter(State(entrance): State<Entrance>, request: Request, next: Next) -> Response {
    let Entrance { world, interceptor, application, bodies, admission } = entrance;
    // Counts each request under another server as a connection of its own.
    let connection = RequestContext::connection_of(&request).unwrap_or_else(|| Arc::new(world.next_connection()));
    let (head, body) = request.into_parts();
    // Reads the body only for the application; the built-in endpoints need none.
    let is_read = application.is_some_and(|application| application.takes(&head));
    let read = if is_read { read_body(body, bodies.body(), &connection).await } else { Ok((Bytes::new(), body)) };
    let (bytes, body) = match read {
        Ok(read) => read,
        Err(refusal) => return *refusal,
    };
    // Counts the request only now: a request begins, and takes an ordinal, when all bytes have come.
    let context = {
        let _order = admission.lock();
        let (ordinal, number) = world.admit(&connection);
        let at = world.clock().now();
        let mut context =
            RequestContext { ordinal, request: number, at, body: bytes, ..RequestContext::new(connection) };
        if let Some(interceptor) = &interceptor {
            context.hook = HookSlot::new(Arc::clone(interceptor).request(&context, &head));
        }
        context
    };
    let Some(interceptor) = interceptor else {
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(context);
        return next.run(request).await;
    };

    let waiter = context.waiter(clipped(plain_path(head.uri.path())));
    let is_head_request = head.method == Method::HEAD;
    let mut request = Request::from_parts(head, body);
    request.extensions_mut().insert(context.clone());
    let response = next.run(request).await;

    // Drives any other answer from here on; the driver of a stream has taken the hook already.
    let hook = context.hook.take();
    let (mut head, body) = response.into_parts();
    if hook.as_ref().is_some_and(|hook| hook.alters()) {
        // Leaves out a length that an alteration may change.
        head.headers.remove(CONTENT_LENGTH);
    }
    // Shows the head when complete, and before `ended`, which comes at once for a response without a body.
    interceptor.head(&context, &head);
    let is_bodiless = is_head_request || has_no_body(head.status);
    let body = match hook {
        Some(mut hook) if is_bodiless => {
            hook.ended(How::Complete);
            body
        }
        Some(hook) => Body::new(Driver::of_body(body, hook, world.clock(), waiter, context.connection, context.at)),
        None => body,
    };
    Response::from_parts(head, body)
}

/// Reads the body of a request. Returns the bytes, and the empty rest.
async fn read_body(
    mut body: Body,
    mut read: GrowingBody,
    connection: &Arc<Connection>,
) -> Result<(Bytes, Body), Box<Response>> {
    let refuse = |status, reason: String| Err(Box::new((status, reason + "\n").into_response()));
    // Keeps the connection open for a client that sends its last byte and then FIN, and holds later control requests back.
    let _open = connection.hold_open();
    let _held = connection.arrivals().map(|arrivals| arrivals.hold_back());
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("the body failed to be read: {error}")),
        };
        if let Err(why) = read.push(&data) {
            let status = match why {
                TooLong::Alone => StatusCode::PAYLOAD_TOO_LARGE,
                TooLong::Together => StatusCode::SERVICE_UNAVAILABLE,
            };
            return refuse(status, why.to_string());
        }
    }
    Ok((read.freeze(), Body::empty()))
}

/// Returns whether a response with this status never has a body (RFC 9110, 15.3.5 and 15.4.5).
pub(crate) fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, stream};
    use tokio::sync::oneshot;
    use tokio::task::yield_now;
    use tokio_test::task;

    use super::*;
    use crate::arrivals::Arrivals;
    use crate::limits::REQUEST_BODY_BYTES_MAX;

    #[tokio::test]
    async fn a_body_that_is_too_long_is_refused() {
        let pieces = [REQUEST_BODY_BYTES_MAX, 1].map(|length| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; length])));
        let body = Body::from_stream(stream::iter(pieces));
        let refusal = read_body(body, BodyRoom::default().body(), &Arc::new(Connection::unnumbered())).await;
        assert_eq!(refusal.expect_err("too long").status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_control_request_waits_while_a_body_is_read() {
        let arrivals = Arc::new(Arrivals::default());
        let connection = Arc::new(Connection::among(Some(Arc::clone(&arrivals))));
        let (rest, coming) = oneshot::channel::<Bytes>();
        let body = Body::from_stream(coming.into_stream());
        let mut reading = task::spawn(read_body(body, BodyRoom::default().body(), &connection));
        assert!(reading.poll().is_pending());
        let mut control = task::spawn(arrivals.settle_last());
        for _ in 0..10 {
            assert!(control.poll().is_pending());
            yield_now().await;
        }
        rest.send(Bytes::from_static(b"x")).expect("the body is being read");
        assert!(reading.poll().is_ready());
        control.await;
    }
}
