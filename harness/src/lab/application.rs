//! The application under test: any service of HTTP requests, behind one type.

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tower_service::Service;

use super::open::{OpenRequest, OpenRequests};
use super::peer::Peer;
use super::watched_body::WatchedBody;
use crate::transport::ServerEnd;

/// An application that a lab can test: an `axum::Router`, or any other [`tower::Service`](Service) of HTTP requests.
///
/// The lab serves the application over HTTP/1.1 as `axum::serve` does, with hyper, and gives each request the extension
/// [`ConnectInfo`] with the address of the client. The trait is implemented for all such services, and can't be
/// implemented for other types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no application that a lab can test",
    label = "expected an `axum::Router<()>`, or a `tower::Service<http::Request<axum::body::Body>>`",
    note = "a router that needs a state is finished by `.with_state(…)`",
    note = "a function that builds the application is given to `onbeat::lab_with`"
)]
pub trait Application: sealed::IntoServed {}

impl<S: sealed::IntoServed> Application for S {}

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// An application, whatever the type.
#[derive(Clone)]
pub struct Served(Arc<dyn Fn(Request<Body>) -> Answering + Send + Sync>);

type Answering = BoxFuture<'static, Result<Response<Body>, BoxError>>;

mod sealed {
    use super::{Arc, Body, BoxError, Bytes, FutureExt, HttpBody, Mutex, Request, Response, Served, Service, poll_fn};

    pub trait IntoServed {
        fn into_served(self) -> Served;
    }

    impl<S, B> IntoServed for S
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        fn into_served(self) -> Served {
            let service = Mutex::new(self);
            Served(Arc::new(move |request| {
                // Takes a clone for each request, so that requests run side by side, without the lock.
                let mut service = service.lock().clone();
                async move {
                    // Waits until the service is ready, as tower demands before each call.
                    poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
                    let response = service.call(request).await.map_err(Into::into)?;
                    Ok(response.map(Body::new))
                }
                .boxed()
            }))
        }
    }
}

impl Served {
    /// Returns an application behind the one type.
    pub(crate) fn new(application: impl Application) -> Self {
        application.into_served()
    }

    /// Serves a connection of `peer` until it ends; from `shutdown` on, only until the present response ends. hyper drops the
    /// handler or the body as soon as the peer has left.
    pub(super) async fn serve(
        self,
        end: ServerEnd,
        peer: Peer,
        open: OpenRequests,
        shutdown: impl Future<Output = ()>,
    ) {
        let requests = AtomicUsize::new(0);
        let service = service_fn(|request: Request<Incoming>| {
            let ordinal = requests.fetch_add(1, Ordering::Relaxed);
            self.answer(request, peer.clone(), ordinal, &open)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            // Leaves out the date, which would be the machine's.
            .auto_date_header(false)
            .serve_connection(TokioIo::new(end), service);
        let mut connection = pin!(connection);
        // Ignores the error of a client that breaks off, or sends no HTTP: the test has asked for both.
        tokio::select! {
            biased;
            _ = connection.as_mut() => {}
            () = shutdown => {
                // Ends the present response, and accepts no further request.
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    /// Answers a request, which is open until the body of the response is dropped.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        ordinal: usize,
        open: &OpenRequests,
    ) -> impl Future<Output = Result<Response<WatchedBody>, BoxError>> + Send + use<> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer.address()));
        // Notes the request before the call, so that a failure names the request.
        let guard = open.add(OpenRequest {
            method: request.method().to_string(),
            target: request.uri().path_and_query().map_or_else(|| request.uri().to_string(), ToString::to_string),
            since: open.now(),
            is_answered: false,
            ordinal,
            peer,
        });
        let answering = (self.0)(request);
        async move {
            let response = answering.await.inspect_err(|error| guard.failed(&**error))?;
            guard.answered();
            Ok(response.map(|body| WatchedBody::new(body, guard)))
        }
    }
}
