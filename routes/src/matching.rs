//! stub
use crate::model::{PathPattern, Route};
use crate::request::Request;
use axum::http::Method;
impl PathPattern { pub fn fits(&self, path: &str) -> bool { self.0 == path } }
impl Route { pub fn mismatch(&self, r: &Request) -> Option<()> { (!(self.path.fits(r.path()) && self.takes_method(r.method()))).then_some(()) }
 pub fn takes_method(&self, m: &Method) -> bool { self.method.as_ref().is_none_or(|own| own == m) } }
pub fn no_match(_: &[&Route], _: &Request) -> String { String::new() }
