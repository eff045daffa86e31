//! The router of the control interface: the file for a request.
//!
//! The description lists the same paths. Refusals of other requests name the paths and methods of the description.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{MethodRouter, delete, get, post};
use serde_json::Value;

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::{Control, OPENAPI, channels, clock, connections, driving, faults, json, log, reset, routes};
use crate::PREFIX;
use onbeat_faults::form::Nothing;

/// Returns the methods of each path below [`PREFIX`].
fn paths() -> [(&'static str, MethodRouter<Arc<Control>>); 16] {
    [
        ("/clock", get(clock::get)),
        ("/clock/advance", post(clock::advance)),
        ("/reset", post(reset::post)),
        ("/connections", get(connections::get)),
        ("/connections/wait", post(driving::wait)),
        ("/connections/{id}/close", post(connections::close)),
        ("/connections/{id}/write", post(driving::write)),
        ("/faults", get(faults::get).post(faults::post).delete(faults::delete_all)),
        ("/faults/{id}", delete(faults::delete)),
        ("/routes", get(routes::get).post(routes::post).put(routes::put).delete(routes::delete_all)),
        ("/routes/{id}", delete(routes::delete)),
        ("/channels", get(channels::get)),
        ("/channels/{name}", post(channels::publish)),
        ("/channels/{name}/wait", post(channels::wait)),
        ("/log", get(log::get)),
        ("/openapi.json", get(async |_: ControlRequest<Nothing>| json(OPENAPI))),
    ]
}

/// Returns the router of all paths.
pub(super) fn router() -> Router<Arc<Control>> {
    let router = Router::new().fallback(refuse_path);
    let router = paths().into_iter().fold(router, |router, (path, methods)| router.route(path, methods));
    router.method_not_allowed_fallback(refuse_method)
}

/// The methods that the description knows.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/// The methods of each path, as the description has them.
static DESCRIBED: LazyLock<BTreeMap<String, Vec<&str>>> = LazyLock::new(|| {
    let description: Value = serde_json::from_str(OPENAPI).expect("the description is JSON");
    let paths = description["paths"].as_object().expect("the description has paths");
    let has = |item: &Value, method: &str| item.get(method.to_lowercase()).is_some();
    let methods = |item| METHODS.into_iter().filter(|method| has(item, method)).collect();
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
});

async fn refuse_path(request: Request) -> Refusal {
    let known: Vec<_> = DESCRIBED.keys().map(|path| format!("{PREFIX}{path}")).collect();
    // Adds the prefix again, which `nest_service` has removed.
    let reason = format!("expected one of {}, got {PREFIX}{}", known.join(", "), request.uri().path());
    Refusal::new(StatusCode::NOT_FOUND, "path", reason)
}

async fn refuse_method(path: MatchedPath, request: Request) -> Refusal {
    let methods = path.as_str().strip_prefix(PREFIX).and_then(|path| DESCRIBED.get(path));
    let allowed = methods.map_or_else(String::new, |methods| methods.join(", "));
    Refusal::method(&allowed, request.method())
}

/// The number in the path of a request.
pub(super) struct Id(pub(super) u64);

impl FromRequestParts<Arc<Control>> for Id {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refusal> {
        let parameters = RawPathParams::from_request_parts(parts, control).await.expect("the route has a number");
        let (_, id) = parameters.iter().next().expect("the route has a number");
        // Asks for digits alone, since `u64` would also take a plus sign.
        let is_plain = id.bytes().all(|byte| byte.is_ascii_digit());
        let number = id.parse().ok().filter(|_| is_plain).map(Self);
        number.ok_or_else(|| {
            let reason = format!("expected a whole number from 0 to {}, got {id}", u64::MAX);
            Refusal::new(StatusCode::NOT_FOUND, "id", reason)
        })
    }
}

/// The name in the path of a request.
pub(super) struct Name(pub(super) String);

impl FromRequestParts<Arc<Control>> for Name {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Refusal> {
        let parameters = RawPathParams::from_request_parts(parts, control).await.expect("the route has a name");
        let (_, name) = parameters.iter().next().expect("the route has a name");
        Ok(Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Method;
    use onbeat_server::ready;
    use tower_service::Service;

    use super::*;
    use crate::{Access, Settings};

    /// Asks a new server; returns the status, the wrong field, and the allowed methods.
    async fn asked(method: &str, path: &str) -> (u16, String, Option<String>) {
        let access = Access::new(&[], "localhost", None, &[]).expect("nobody else reaches the server");
        let mut router = crate::router(Settings::manual(), access);
        let request = Request::builder().method(method).uri(format!("{PREFIX}{path}")).header("host", "localhost");
        let response =
            router.call(request.body(Body::empty()).expect("a request")).await.expect("a router never fails");
        let status = response.status().as_u16();
        let allow = response.headers().get("allow").map(|allow| allow.to_str().expect("ASCII").to_owned());
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body that ends");
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        (status, answer["error"]["field"].as_str().unwrap_or_default().to_owned(), allow)
    }

    #[tokio::test]
    async fn a_request_that_no_route_takes_is_refused_by_its_path_method_or_id() {
        for (method, path, status, field) in [
            ("GET", "", 404, "path"),
            ("GET", "/", 404, "path"),
            ("GET", "/clock/", 404, "path"),
            ("GET", "/Clock", 404, "path"),
            ("DELETE", "/faults/", 404, "path"),
            ("GET", "/faults/1/2", 404, "path"),
            ("POST", "/clock", 405, "method"),
            ("GET", "/connections/1/close", 405, "method"),
            ("DELETE", "/faults/x", 404, "id"),
            ("DELETE", "/faults/-1", 404, "id"),
            ("DELETE", "/faults/+1", 404, "id"),
            ("DELETE", "/faults/%31", 404, "id"),
            ("DELETE", "/faults/99999999999999999999", 404, "id"),
            ("GET", "/faults", 200, ""),
        ] {
            let (found, wrong, _) = asked(method, path).await;
            assert_eq!((found, wrong.as_str()), (status, field), "{method} {path}");
        }
        assert_eq!(asked("PUT", "/faults").await.2.as_deref(), Some("GET, POST, DELETE"));
    }

    #[tokio::test]
    async fn every_path_is_described_and_every_description_is_of_a_path() {
        let probe = ready::PATH.strip_prefix(PREFIX).expect("the probe is below the other routes");
        let described = DESCRIBED.iter().filter(|(path, _)| *path != probe);
        let mut served = paths().map(|(path, _)| path);
        served.sort_unstable();
        assert!(described.clone().map(|(path, _)| path.as_str()).eq(served));
        for (path, methods) in described {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let is_described = methods.contains(&method.as_str());
                let (status, ..) = asked(method.as_str(), &path.replace("{id}", "1").replace("{name}", "news")).await;
                assert_eq!(status != 405, is_described, "{method} {path}: {status}");
            }
        }
    }
}
