//! One fault at work on one response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onbeat_server::script::Action;
use onbeat_wire::How;

use super::altered_bytes::{with_bom, with_field, with_invalid_utf8, with_line_ends};
use super::step::{Step, Tally};
use super::{AppliedFault, Batch, EventId, Fault, Kind, LineEndChange, Pieces, Place, ReconnectionTime};

/// The most bytes that are kept back: writes of so many bytes are joined at once, however few they are.
const KEPT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One fault at work on one response.
#[derive(Debug)]
pub(super) struct Alteration {
    applied: AppliedFault,
    /// The writes that have reached the fault.
    seen: Tally,
    fired: bool,
    /// Whether the fault has done all of the work.
    over: bool,
    /// The writes kept back, to be joined into one write.
    kept: Vec<Bytes>,
    /// Whether the fault was deleted, and passes every action on. Set when an action comes in, so that all steps of an action
    /// pass the same faults.
    deleted: bool,
}

impl Alteration {
    /// Begins a fault on a response after the writes of the tally `written`.
    pub(super) fn new(applied: AppliedFault, written: Tally) -> Self {
        Self { applied, seen: written, fired: false, over: false, kept: Vec::new(), deleted: false }
    }

    /// Reads whether the fault was deleted.
    pub(super) fn refresh(&mut self) {
        self.deleted = self.applied.is_deleted();
    }

    /// Puts out the result of an action at the time `since` the request.
    pub(super) fn pass(&mut self, since: Duration, action: Action, out: &mut Vec<Step>) {
        if self.deleted {
            self.let_go(out);
            out.push(action.into());
            return;
        }
        match action {
            Action::Write(bytes) => self.write(since, bytes, out),
            // Keeps a stalled response open after the end of the endpoint.
            Action::End(How::Complete) if self.is_stalled() => {}
            // Puts writes kept back before a complete end and before a cut. A reset loses these writes.
            Action::End(How::Complete | How::Cut) => {
                self.let_go(out);
                out.push(action.into());
            }
            Action::Head(_)
            | Action::Flush
            | Action::Subscribe(_)
            | Action::Heartbeats(_)
            | Action::End(How::Reset | How::Closed) => {
                out.push(action.into());
            }
        }
    }

    /// Breaks the response off, if the response or the time has come far enough.
    pub(super) fn look(&mut self, since: Duration, out: &mut Vec<Step>) {
        if self.deleted {
            self.let_go(out);
            return;
        }
        // Leaves out faults that act only on a write.
        let end = match self.applied.fault.kind {
            Kind::Cut => Some(How::Cut),
            Kind::Reset => Some(How::Reset),
            Kind::End => Some(How::Complete),
            Kind::Stall => None,
            _ => return,
        };
        let has_come = match self.applied.fault.from {
            Place::Write(writes) => self.seen.writes >= writes,
            Place::Byte(bytes) => self.seen.bytes >= bytes,
            Place::Ms(ms) => since >= Duration::from_millis(ms),
        };
        if has_come && !self.over {
            self.over = true;
            self.fire_if(true);
            out.extend(end.map(|how| Action::End(how).into()));
        }
    }

    /// Returns the time at which the fault breaks the response off without a write.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let Fault { kind, from: Place::Ms(ms), .. } = &*self.applied.fault else { return None };
        let is_due = kind.breaks_off() && !self.over && !self.applied.is_deleted();
        is_due.then_some(Duration::from_millis(*ms))
    }

    /// Returns whether the fault keeps writes and a complete end back until the deletion of the fault.
    pub(super) fn is_stalled(&self) -> bool {
        self.over && self.applied.fault.kind == Kind::Stall && !self.applied.is_deleted()
    }

    fn write(&mut self, since: Duration, bytes: Bytes, out: &mut Vec<Step>) {
        let fault = Arc::clone(&self.applied.fault);
        let before = self.seen;
        self.seen.count(bytes.len());
        // Begins, for a place in bytes, with the write that holds the byte, else with the first write after the place.
        let has_begun = match fault.from {
            Place::Write(writes) => before.writes >= writes,
            Place::Byte(place) => self.seen.bytes > place,
            Place::Ms(ms) => since >= Duration::from_millis(ms),
        };
        match &fault.kind {
            // Drops the writes behind the break.
            kind if kind.breaks_off() && self.over => {}
            kind if kind.breaks_off() => {
                // Lets the bytes before the break through, perhaps half a write.
                let left = match fault.from {
                    Place::Byte(place) => usize::try_from(place.saturating_sub(before.bytes)).unwrap_or(usize::MAX),
                    _ if has_begun => 0,
                    _ => usize::MAX,
                };
                let written = bytes.slice(..left.min(bytes.len()));
                if !written.is_empty() {
                    out.push(Action::Write(written).into());
                }
                self.look(since, out);
            }
            kind if has_begun && !self.over => self.rewrite(kind, bytes, out),
            // Passes the write on if the fault has not begun, or has altered its write already.
            _ => out.push(Action::Write(bytes).into()),
        }
    }

    fn rewrite(&mut self, kind: &Kind, bytes: Bytes, out: &mut Vec<Step>) {
        match kind {
            // Leaves the cutting to `take_first`, which makes the pieces on demand.
            Kind::Split(Pieces { bytes: length }) => {
                self.fire_if(bytes.len() > *length);
                out.push(Step::Pieces(bytes, *length));
            }
            Kind::Coalesce(Batch { writes }) => {
                self.kept.push(bytes);
                let kept_bytes: usize = self.kept.iter().map(Bytes::len).sum();
                if self.kept.len() >= *writes || kept_bytes >= KEPT_BYTES_MAX {
                    self.let_go(out);
                }
            }
            Kind::LineEnds(LineEndChange { ends }) => {
                self.fire_if(bytes.contains(&b'\n'));
                out.push(Action::Write(with_line_ends(&bytes, *ends)).into());
            }
            // Writes the original first, and the copy as the alteration.
            Kind::Duplicate => {
                out.push(Action::Write(bytes.clone()).into());
                self.once(bytes, out);
            }
            Kind::InvalidUtf8 => self.once(with_invalid_utf8(&bytes), out),
            Kind::Bom => self.once(with_bom(&bytes), out),
            Kind::Retry(ReconnectionTime { retry_ms }) => {
                self.once(with_field(&bytes, "retry", &retry_ms.to_string()), out);
            }
            Kind::Id(EventId { event_id }) => self.once(with_field(&bytes, "id", event_id), out),
            // Passes the write on for kinds that change the head; kinds that break off never come here.
            _ => out.push(Action::Write(bytes).into()),
        }
    }

    /// Puts out an altered write, the only alteration; later writes stay unaltered.
    fn once(&mut self, altered: Bytes, out: &mut Vec<Step>) {
        self.over = true;
        self.fire_if(true);
        out.push(Action::Write(altered).into());
    }

    /// Puts out the writes kept back, as a single write.
    fn let_go(&mut self, out: &mut Vec<Step>) {
        let kept = std::mem::take(&mut self.kept);
        self.fire_if(kept.len() > 1);
        if !kept.is_empty() {
            out.push(Action::Write(kept.concat().into()).into());
        }
    }

    /// Counts the response, once, as altered by the fault.
    fn fire_if(&mut self, has_altered: bool) {
        if has_altered && !std::mem::replace(&mut self.fired, true) {
            self.applied.fired();
        }
    }
}
