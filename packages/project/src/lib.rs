//! An application, as a user of Onbeat may have one.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

/// The application.
pub fn router() -> Router {
    Router::new().route("/late", get(late))
}

/// Answers with an event after 30 s.
async fn late() -> impl IntoResponse {
    tokio::time::sleep(Duration::from_secs(30)).await;
    ([(CONTENT_TYPE, "text/event-stream")], Body::from(Bytes::from_static(b"data: late\n\n")))
}
