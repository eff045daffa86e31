//! The routes of the control interface.
//!
//! The description lists the same routes. A request that no route takes is refused by what the description has for the path.

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
use super::{Control, OPENAPI, PREFIX, clock, connections, faults, log, reset, text};
use crate::form::Nothing;

/// Returns the routes, by their paths below [`PREFIX`].
fn routes() -> [(&'static str, MethodRouter<Arc<Control>>); 9] {
    [
        ("/clock", get(clock::get)),
        ("/clock/advance", post(clock::advance)),
        ("/reset", post(reset::post)),
        ("/connections", get(connections::get)),
        ("/connections/{id}/close", post(connections::close)),
        ("/faults", get(faults::get).post(faults::post).delete(faults::delete_all)),
        ("/faults/{id}", delete(faults::delete)),
        ("/log", get(log::get)),
        ("/openapi.json", get(async |_: ControlRequest<Nothing>| text("application/json", OPENAPI.to_owned()))),
    ]
}

/// Returns the router of all routes.
pub(super) fn router() -> Router<Arc<Control>> {
    let router = Router::new().fallback(refuse_path);
    let router = routes().into_iter().fold(router, |router, (path, methods)| router.route(path, methods));
    router.method_not_allowed_fallback(refuse_method)
}

/// The methods that the description knows.
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "DELETE"];

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
    // The router has taken the prefix off the path.
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
        // `u64` would also take a plus sign.
        let is_plain = id.bytes().all(|byte| byte.is_ascii_digit());
        let number = id.parse().ok().filter(|_| is_plain).map(Self);
        number.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "id", format!("expected a whole number, got {id}")))
    }
}

#[cfg(test)]
mod tests;
