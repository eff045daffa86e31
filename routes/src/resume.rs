//! stub
use onbeat_server::script::Cue;
pub fn resumed<S: Iterator<Item = Cue>>(make: impl Fn() -> S, _id: Option<&str>) -> S { make() }
