//! Recordings and raw bodies, as scripts.

use onbeat_server::script::Cue;

/// A recording, or a raw body, as the cues of a response: a head, if there is one, writes and an end.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// The cues, each with its time since the request.
    pub cues: Vec<Cue>,
}
