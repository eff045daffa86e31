//! stub
use std::sync::Arc;
use std::time::Duration;
use onbeat_server::script::Cue;
#[derive(Clone, Debug, Default)]
pub struct Played { pub cues: Vec<Cue> }
impl Played {
  pub fn script(self: &Arc<Self>) -> impl Iterator<Item = Cue> + Send + Unpin + 'static { let me = Arc::clone(self); (0..self.cues.len()).map(move |n| me.cues[n].clone()) }
  pub fn content_type(&self) -> &'static str { "text/event-stream" }
  pub fn head_at(&self) -> Duration { Duration::ZERO }
}
