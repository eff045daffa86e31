//! One fault at work on one response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::How;

use super::rewrite::{with_bom, with_field, with_invalid_utf8, with_line_ends};
use super::step::{Step, Tally};
use super::{Break, From, Kind, Rewrite, Struck};
use onbeat_server::script::Action;

/// One fault at work on one response.
#[derive(Debug)]
pub(super) struct Alteration {
    struck: Struck,
    /// How much of the response has reached this fault.
    seen: Tally,
    fired: bool,
    /// The fault has done all that it does.
    over: bool,
    /// The writes kept back, which become one.
    kept: Vec<Bytes>,
    /// The fault was deleted, and passes everything on. Read when an action comes in, so that the action meets all faults as
    /// they were then.
    deleted: bool,
}

impl Alteration {
    /// Begins a fault on a response of which so much had been written.
    pub(super) fn new(struck: Struck, written: Tally) -> Self {
        Self { struck, seen: written, fired: false, over: false, kept: Vec::new(), deleted: false }
    }

    /// Reads whether the fault was deleted.
    pub(super) fn refresh(&mut self) {
        self.deleted = self.struck.is_deleted();
    }

    /// Puts out what becomes of an action at this time.
    pub(super) fn pass(&mut self, since: Duration, action: Action, out: &mut Vec<Step>) {
        if self.deleted {
            self.let_go(out);
            out.push(action.into());
            return;
        }
        match action {
            Action::Write(bytes) => self.write(since, bytes, out),
            Action::End(How::Complete) if self.is_stalled() => {}
            Action::End(How::Complete | How::Cut) => {
                self.let_go(out);
                out.push(action.into());
            }
            Action::Head(_) | Action::Flush | Action::End(How::Reset | How::Closed) => out.push(action.into()),
        }
    }

    /// Breaks the response off, if the response or the time has come far enough.
    pub(super) fn look(&mut self, since: Duration, out: &mut Vec<Step>) {
        if self.deleted {
            self.let_go(out);
            return;
        }
        let Kind::Break(how) = self.struck.fault.kind else { return };
        let has_come = match self.struck.fault.from {
            From::Write(writes) => self.seen.writes >= writes,
            From::Byte(bytes) => self.seen.bytes >= bytes,
            From::Ms(ms) => since >= Duration::from_millis(ms),
        };
        if !has_come || self.over {
            return;
        }
        self.over = true;
        self.fire_if(true);
        match how {
            Break::Cut => out.push(Action::End(How::Cut).into()),
            Break::Reset => out.push(Action::End(How::Reset).into()),
            Break::End => out.push(Action::End(How::Complete).into()),
            Break::Stall => {}
        }
    }

    /// Returns the time at which the fault breaks the response off, whatever is written.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match (&self.struck.fault.kind, self.struck.fault.from) {
            (Kind::Break(_), From::Ms(ms)) if !self.over && !self.struck.is_deleted() => {
                Some(Duration::from_millis(ms))
            }
            _ => None,
        }
    }

    /// Returns whether the fault keeps everything back until its deletion.
    pub(super) fn is_stalled(&self) -> bool {
        self.over && self.struck.fault.kind == Kind::Break(Break::Stall) && !self.struck.is_deleted()
    }

    fn write(&mut self, since: Duration, bytes: Bytes, out: &mut Vec<Step>) {
        let fault = Arc::clone(&self.struck.fault);
        let before = self.seen;
        self.seen.count(bytes.len());
        let has_begun = match fault.from {
            From::Write(writes) => before.writes >= writes,
            From::Byte(place) => self.seen.bytes > place,
            From::Ms(ms) => since >= Duration::from_millis(ms),
        };
        match &fault.kind {
            // A response that was broken off writes nothing more.
            Kind::Break(_) if self.over => {}
            Kind::Break(_) => {
                let left = match fault.from {
                    From::Byte(place) => usize::try_from(place.saturating_sub(before.bytes)).unwrap_or(usize::MAX),
                    _ if has_begun => 0,
                    _ => usize::MAX,
                };
                let written = bytes.slice(..left.min(bytes.len()));
                if !written.is_empty() {
                    out.push(Action::Write(written).into());
                }
                self.look(since, out);
            }
            Kind::Rewrite(rewrite) if has_begun && !self.over => self.rewrite(rewrite, bytes, out),
            Kind::Rewrite(_) | Kind::Head(_) => out.push(Action::Write(bytes).into()),
        }
    }

    fn rewrite(&mut self, rewrite: &Rewrite, bytes: Bytes, out: &mut Vec<Step>) {
        match rewrite {
            Rewrite::Split(length) => {
                self.fire_if(bytes.len() > *length);
                out.push(Step::Pieces(bytes, *length));
            }
            Rewrite::Coalesce(writes) => {
                self.kept.push(bytes);
                if self.kept.len() >= *writes {
                    self.let_go(out);
                }
            }
            Rewrite::LineEnds(ends) => {
                self.fire_if(bytes.contains(&b'\n'));
                out.push(Action::Write(with_line_ends(&bytes, *ends)).into());
            }
            Rewrite::Duplicate => {
                out.push(Action::Write(bytes.clone()).into());
                self.once(bytes, out);
            }
            Rewrite::InvalidUtf8 => self.once(with_invalid_utf8(&bytes), out),
            Rewrite::Bom => self.once(with_bom(&bytes), out),
            Rewrite::Retry(ms) => self.once(with_field(&bytes, "retry", &ms.to_string()), out),
            Rewrite::Id(id) => self.once(with_field(&bytes, "id", id), out),
        }
    }

    /// Puts out one altered write; later writes stay as they are.
    fn once(&mut self, altered: Bytes, out: &mut Vec<Step>) {
        self.over = true;
        self.fire_if(true);
        out.push(Action::Write(altered).into());
    }

    /// Puts out the writes that were kept back, as one.
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
            self.struck.fired();
        }
    }
}
