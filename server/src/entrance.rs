//! The entrance to a world: counts every request, and shows both sides of the exchange to the interceptor.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use onbeat_wire::How;

use crate::context::{RequestContext, clipped, plain_path};
use crate::driver::{Driver, HookSlot};
use crate::interceptor::Interceptor;
use crate::request_body;
use crate::world::World;

/// A world, and the interceptor of the exchanges there.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) world: Arc<World>,
    pub(crate) interceptor: Option<Arc<dyn Interceptor>>,
}

/// Counts a request, and plays the answer through the hook of the interceptor.
pub(crate) async fn enter(State(entrance): State<Entrance>, mut request: Request, next: Next) -> Response {
    let Entrance { world, interceptor } = entrance;
    // Under another server each request counts as a connection of its own.
    let connection = RequestContext::connection_of(&request).unwrap_or_else(|| Arc::new(world.next_connection()));
    let (ordinal, number) = world.admit(&connection);
    let at = world.clock().now();
    let mut context = RequestContext { ordinal, request: number, at, ..RequestContext::new(connection) };
    let Some(interceptor) = interceptor else {
        request.extensions_mut().insert(context);
        return next.run(request).await;
    };

    let (head, body) = request.into_parts();
    context.hook = HookSlot::new(Arc::clone(&interceptor).request(&context, &head));
    let waiter = context.waiter(clipped(plain_path(head.uri.path())));
    let is_head_request = head.method == Method::HEAD;
    let body = request_body::watched(body, &interceptor, &context);
    let mut request = Request::from_parts(head, body);
    request.extensions_mut().insert(context.clone());
    let response = next.run(request).await;

    // The driver of a stream has taken the hook. Any other answer is driven from here on.
    let hook = context.hook.take();
    let (mut head, body) = response.into_parts();
    if hook.as_ref().is_some_and(|hook| hook.alters()) {
        head.headers.remove(CONTENT_LENGTH);
    }
    interceptor.head(&context, &head);
    let is_bodiless = is_head_request || has_no_body(head.status);
    let body = match hook {
        Some(mut hook) if is_bodiless => {
            hook.ended(How::Complete);
            body
        }
        Some(hook) => Body::new(Driver::of_body(body, hook, world.clock(), waiter, context.connection, at)),
        None => body,
    };
    Response::from_parts(head, body)
}

/// Returns whether a response with this status never has a body (RFC 9110, 15.3.5 and 15.4.5).
pub(crate) fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
