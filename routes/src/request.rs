//! stub
use axum::http::request::Parts;
use axum::http::Method;
use bytes::Bytes;
#[derive(Debug)]
pub struct Request { method: Method, path: String, headers: axum::http::HeaderMap }
impl Request {
    pub fn new(head: &Parts, _body: Bytes) -> Self { Self { method: head.method.clone(), path: head.uri.path().into(), headers: head.headers.clone() } }
    pub fn method(&self) -> &Method { &self.method }
    pub fn path(&self) -> &str { &self.path }
    pub fn header(&self, name: &str) -> Option<&str> { self.headers.get(name).and_then(|v| v.to_str().ok()) }
}
