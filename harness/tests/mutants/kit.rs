//! How a mutant is made from the outside: requests, responses, bodies and scripts are wrapped, and the server's own code
//! knows nothing of it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use futures_util::{FutureExt, StreamExt, stream};
use onbeat::world_lab::WorldServer;
use onbeat_server::driver::Driver;
use onbeat_server::router::router;
use onbeat_server::script::{Start, Write, Writes, event_stream};
use onbeat_server::world::World;

/// A server with one plausible bug.
pub(crate) struct Mutant {
    /// The bug.
    pub(crate) name: String,
    /// The case whose clause it breaks.
    pub(crate) case: String,
    pub(crate) application: WorldServer,
}

pub(crate) fn mutant(case: impl Into<String>, name: impl Into<String>, application: WorldServer) -> Mutant {
    Mutant { name: name.into(), case: case.into(), application }
}

/// The router of each world, with a wrapper around it.
fn wrapped<W, F, R>(wrapper: W) -> WorldServer
where
    W: Fn(Arc<World>) -> F + Send + Sync + 'static,
    F: Fn(Request, Next) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    WorldServer::with_router(move |world| {
        let layer = middleware::from_fn(wrapper(Arc::clone(&world)));
        Router::new().fallback_service(router(world)).layer(layer)
    })
}

/// Requests come changed.
pub(crate) fn requests(change: impl Fn(&mut Request) + Clone + Send + Sync + 'static) -> WorldServer {
    wrapped(move |_| {
        let change = change.clone();
        move |mut request: Request, next: Next| {
            change(&mut request);
            next.run(request)
        }
    })
}

/// The query of a fan-out request comes changed.
pub(crate) fn queries(change: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> WorldServer {
    requests(move |request| {
        let uri = request.uri();
        if let Some(query) = uri.query() {
            let changed = format!("{}?{}", uri.path(), change(query));
            *request.uri_mut() = changed.parse().expect("a valid target");
        }
    })
}

/// The query of one fan-out endpoint comes changed.
pub(crate) fn queries_of(path: &'static str, change: fn(&str) -> String) -> WorldServer {
    requests(move |request| {
        let uri = request.uri();
        if let (true, Some(query)) = (uri.path() == path, uri.query()) {
            *request.uri_mut() = format!("{path}?{}", change(query)).parse().expect("a valid target");
        }
    })
}

/// The path comes changed.
pub(crate) fn paths(change: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> WorldServer {
    requests(move |request| {
        let uri = request.uri();
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let changed = format!("{}{query}", change(uri.path()));
        *request.uri_mut() = changed.parse().expect("a valid target");
    })
}

/// What is known of a request when its response is changed.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) version: axum::http::Version,
    pub(crate) takes_gzip: bool,
}

/// Responses go out changed.
pub(crate) fn responses(change: impl Fn(&Asked, &mut Response) + Clone + Send + Sync + 'static) -> WorldServer {
    wrapped(move |_| {
        let change = change.clone();
        move |request: Request, next: Next| {
            let change = change.clone();
            async move {
                let asked = asked(&request);
                let mut response = next.run(request).await;
                change(&asked, &mut response);
                response
            }
        }
    })
}

fn asked(request: &Request) -> Asked {
    Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_ascii_lowercase(),
        version: request.version(),
        takes_gzip: request.headers().get("accept-encoding").is_some_and(|value| value.as_bytes().starts_with(b"gzip")),
    }
}

/// Responses to one path go out changed.
pub(crate) fn responses_of(path: &str, change: impl Fn(&mut Response) + Clone + Send + Sync + 'static) -> WorldServer {
    let path = path.to_owned();
    responses(move |asked, response| {
        if asked.path == path && asked.method == "GET" && response.status().is_success() {
            change(response);
        }
    })
}

/// The answers of a fan-out endpoint go out with another body.
pub(crate) fn answers(path: &str, change: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> WorldServer {
    let path = path.to_owned();
    wrapped(move |_| {
        let (path, change) = (path.clone(), change.clone());
        move |request: Request, next: Next| {
            let (asked, path, change) = (asked(&request), path.clone(), change.clone());
            async move {
                let response = next.run(request).await;
                if asked.path != path || asked.method != "GET" || !response.status().is_success() {
                    return response;
                }
                let (mut head, body) = response.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.expect("an answer is short");
                let changed = change(std::str::from_utf8(&body).expect("UTF-8"));
                head.headers.remove("content-length");
                Response::from_parts(head, Body::from(changed))
            }
        }
    })
}

/// Each write of the path's streams is replaced by what the change makes of it: other writes, or none. The change is made
/// anew for each stream, numbered in their world from 0.
pub(crate) fn writes<C>(path: &str, change: impl Fn(usize) -> C + Clone + Send + Sync + 'static) -> WorldServer
where
    C: FnMut(&str) -> Vec<String> + Send + 'static,
{
    streams(path, move |number, _, body| {
        let mut change = change(number);
        let writes = body.into_data_stream().flat_map(move |write| {
            let write = write.expect("the embedded server evicts nobody here");
            stream::iter(change(std::str::from_utf8(&write).expect("UTF-8")))
        });
        Body::from_stream(writes.map(Ok::<_, Infallible>))
    })
}

/// Each write of the path's streams is changed.
pub(crate) fn each(path: &str, change: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> WorldServer {
    writes(path, move |_| {
        let change = change.clone();
        move |write| vec![change(write)]
    })
}

/// A text is replaced by another, wherever it is in the path's streams.
pub(crate) fn replaced(path: &str, from: &'static str, to: &'static str) -> WorldServer {
    each(path, move |write| write.replace(from, to))
}

/// The bodies of the path's streams are replaced.
pub(crate) fn streams(
    path: &str,
    change: impl Fn(usize, Arc<World>, Body) -> Body + Clone + Send + Sync + 'static,
) -> WorldServer {
    let path = path.to_owned();
    wrapped(move |world| {
        let (path, change, begun) = (path.clone(), change.clone(), Arc::new(AtomicUsize::new(0)));
        move |request: Request, next: Next| {
            let (asked, path, change) = (asked(&request), path.clone(), change.clone());
            let (world, begun) = (Arc::clone(&world), Arc::clone(&begun));
            async move {
                let response = next.run(request).await;
                if asked.path != path || asked.method != "GET" || !response.status().is_success() {
                    return response;
                }
                let number = begun.fetch_add(1, Ordering::Relaxed);
                response.map(|body| change(number, world, body))
            }
        }
    })
}

/// The path's streams never end.
pub(crate) fn endless(path: &str) -> WorldServer {
    streams(path, |_, _, body| {
        let mut writes = body.into_data_stream();
        Body::from_stream(stream::poll_fn(move |cx| match writes.poll_next_unpin(cx) {
            Poll::Ready(None) => Poll::Pending,
            polled => polled,
        }))
    })
}

/// The path's streams are held back: each write for so long after the stream's beginning, in addition.
pub(crate) fn delayed(path: &str, delay: impl Fn(&str) -> Duration + Clone + Send + Sync + 'static) -> WorldServer {
    streams(path, move |_, world, body| {
        let (clock, delay) = (Arc::clone(world.clock()), delay.clone());
        Body::from_stream(body.into_data_stream().then(move |write| {
            let write = write.expect("the embedded server evicts nobody here");
            let wait = delay(std::str::from_utf8(&write).expect("UTF-8"));
            let woken = if wait.is_zero() { None } else { Some(clock.sleep_until(clock.now() + wait)) };
            async move {
                if let Some(woken) = woken {
                    woken.await;
                }
                Ok::<_, Infallible>(write)
            }
        }))
    })
}

/// A stream plays another script, made from the first writes of its own; the events of the hub come in between.
pub(crate) fn script<W: Writes>(
    path: &'static str,
    script: fn(Start) -> W,
    change: impl Fn(Vec<Write>) -> Vec<Write> + Clone + Send + Sync + 'static,
) -> WorldServer {
    /// Of `/sse`, which never ends.
    const WRITES_MAX: usize = 1000;
    streams(path, move |_, world, body| {
        let connection = Arc::new(world.next_connection());
        let start = world.start(&connection, 0);
        let changed = event_stream(change(script(start).take(WRITES_MAX).collect()).into_iter());
        let scripted = Body::new(Driver::new(Arc::clone(world.clock()), &start, changed, None, connection));
        let scripted = scripted.into_data_stream().map(Some).chain(stream::once(std::future::ready(None)));
        let events = body.into_data_stream().filter(move |write| {
            let write = write.as_ref().expect("the embedded server evicts nobody here");
            std::future::ready(path == "/sse" && is_event(std::str::from_utf8(write).expect("UTF-8")))
        });
        // It ends with its script.
        let both = stream::select(scripted, events.map(Some));
        Body::from_stream(both.take_while(|write| std::future::ready(write.is_some())).filter_map(std::future::ready))
    })
}

/// Whether a write of `/sse` is not its own, but sent to all its clients.
pub(crate) fn is_event(write: &str) -> bool {
    !write.contains("message") && write != "heartbeat:\n\n"
}

/// The same writes, with other gaps between them: `gap` is told the number of a write and the gap before it, in ms.
pub(crate) fn retimed(writes: Vec<Write>, gap: impl Fn(usize, u64) -> u64) -> Vec<Write> {
    let (mut before, mut at) = (Duration::ZERO, Duration::ZERO);
    let again = writes.into_iter().enumerate().map(|(number, write)| {
        let own = u64::try_from(write.at.saturating_sub(before).as_millis()).expect("a short stream");
        before = write.at;
        at += Duration::from_millis(gap(number, own));
        Write { at, bytes: write.bytes }
    });
    again.collect()
}

/// A server that serves each connection by hyper alone, and goes on when the client has closed its sending side.
pub(crate) fn half_closed_clients_are_served() -> WorldServer {
    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;

    let mut application = WorldServer::embedded();
    application.serve = Arc::new(|io, _, router, _| {
        let mut http = http1::Builder::new();
        http.half_close(true).auto_date_header(false);
        let connection = http.serve_connection(TokioIo::new(io), TowerToHyperService::new(router));
        async move { drop(connection.await) }.boxed()
    });
    application
}

/// Bytes of a text.
pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
