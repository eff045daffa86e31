//! stub
use onbeat_server::random::Random;
use crate::request::Request;
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template { pub text: String }
pub struct Moment<'a> { pub request: &'a Request, pub now: onbeat_wire::Timestamp, pub t_ms: u64, pub seq: u64, pub random: &'a mut Random }
impl Template { pub fn uses_seq(&self) -> bool { false } pub fn render(&self, _m: &mut Moment<'_>) -> String { self.text.clone() } }
