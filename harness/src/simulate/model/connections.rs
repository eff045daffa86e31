//! The connections: which clients the server serves, cuts off and lets go, and by when due writes must have come.

use onbeat_wire::Instant;

use super::{Judged, View, World, holds};

const KEPT: &str = "nobody is cut off without a reason";
const EVICTED: &str = "who does not read is cut off when its mailbox is full";
const CLOSED: &str = "who asks for it, or speaks HTTP/1.0, is closed when it has been answered";
const LET_GO: &str = "who sends no more is let go at once";
const ENDED: &str = "a server that is told to end closes every connection";
const LIMIT: &str = "no more connections are served than there may be";
const TAKEN_ON: &str = "who waits is taken on as soon as there is room";

impl World<'_> {
    pub(super) fn connections(&self) -> Judged {
        for view in self.views.iter().filter(|view| view.connected.is_some() && !view.garbles) {
            self.kept(view)?;
            if view.is_plain() {
                self.closed(view)?;
            }
        }
        if self.history.connections_max < self.views.len() {
            self.limit()?;
            self.taken_on()?;
        }
        Ok(())
    }

    /// Returns whether the client must have seen a write that was due at `due`, and was caused by an operation of the
    /// batch `cause`.
    pub(super) fn is_owed(&self, view: &View, due: Instant, cause: Option<usize>) -> bool {
        let (seen, evicted) = (view.sees(due, self.times), self.subscribers.evicted(view.client));
        // Expects the write at a slow client if the connection stays undisturbed until the end.
        if view.pauses() || seen != self.times.comes(due) {
            let is_ended = self.times.shut_down.is_some();
            return view.left.is_none() && evicted.is_none() && !is_ended && seen <= self.times.end;
        }
        // Expects the write at a prompt client before the leave: at the same instant, if the cause came first.
        let stays = view.left.is_none_or(|left| {
            let before = cause.is_some_and(|batch| batch < left.first && self.times.of_batch[batch] == Some(due));
            seen < left.at || seen == left.at && before
        });
        let is_sent = self.times.shut_down.is_none_or(|(_, ending)| due <= ending);
        stays && is_sent && evicted.is_none_or(|evicted| seen < evicted.at) && seen <= self.times.end
    }

    fn kept(&self, view: &View) -> Judged {
        let Some(closed) = view.closed else { return Ok(()) };
        let reasons = [
            view.left.map(|left| left.at),
            self.times.shut_down.map(|(_, at)| at),
            self.subscribers.evicted(view.client).map(|evicted| evicted.at),
            view.closing_request().and_then(|request| request.over),
        ];
        let has_reason = reasons.into_iter().flatten().any(|reason| reason <= closed);
        holds(has_reason, KEPT, Some(view), || format!("its connection was closed at {} ms", closed.as_millis()))
    }

    /// Judges whether, and when, the server closed the connection. The first reason counts.
    fn closed(&self, view: &View) -> Judged {
        let must = |reason, at: Instant| {
            let right = view.closed.is_some_and(|closed| !view.is_prompt() || closed <= at);
            holds(right, reason, Some(view), || {
                let closed = view.closed.map_or("never".to_owned(), |closed| format!("at {} ms", closed.as_millis()));
                format!("its connection was to be closed at {} ms and was so {closed}", at.as_millis())
            })
        };
        if let Some(evicted) = self.subscribers.evicted(view.client) {
            let stays = view.left.is_none_or(|left| view.is_prompt() && evicted.at < left.at);
            return if evicted.surely && stays { must(EVICTED, evicted.at) } else { Ok(()) };
        }
        if let Some(left) = view.left {
            let is_slow = !view.is_prompt() && self.times.shut_down.is_some();
            return if left.half && !is_slow { must(LET_GO, left.at) } else { Ok(()) };
        }
        if let Some((ending, at)) = self.times.shut_down {
            return if view.connected.is_some_and(|connected| connected < ending) { must(ENDED, at) } else { Ok(()) };
        }
        let over = view.closing_request().and_then(|request| request.over);
        over.filter(|over| *over <= self.times.recovery).map_or(Ok(()), |over| must(CLOSED, over))
    }

    /// Judges the number of clients that are answered at the same time.
    fn limit(&self) -> Judged {
        // Leaves out slow clients, which would show the times of the server too late.
        let prompt = self.views.iter().filter(|view| view.link.delay_ms_max() == 0 && !view.pauses());
        let served: Vec<(Instant, Instant)> = prompt
            .filter_map(|view| {
                let ends = [view.closed, view.left.map(|left| left.at), Some(self.times.end)];
                Some((view.responses.first()?.head.as_ref()?.0, ends.into_iter().flatten().min()?))
            })
            .collect();
        served.iter().try_for_each(|(at, _)| {
            let count = served.iter().filter(|(from, to)| from <= at && at < to).count();
            let is_within = count <= self.history.connections_max;
            holds(is_within, LIMIT, None, || format!("{count} were at {} ms", at.as_millis()))
        })
    }

    /// Judges whether a client waited to the end although there was room.
    fn taken_on(&self) -> Judged {
        if self.times.shut_down.is_some() {
            return Ok(());
        }
        let is_unanswered = |view: &View| view.may_wait && view.responses.is_empty() && !view.requests.is_empty();
        // Ignores room after the last answer, which is of no use.
        let late = |at: Option<Instant>| at.is_none_or(|at| at >= self.times.recovery);
        let is_open = |view: &&View| {
            view.connected.is_some() && late(view.left.map(|left| left.at)) && late(view.closed) && !is_unanswered(view)
        };
        let open = self.views.iter().filter(is_open).count();
        let waits = |view: &&View| view.left.is_none() && view.closed.is_none() && is_unanswered(view);
        let waiting = self.views.iter().find(waits);
        holds(waiting.is_none() || open >= self.history.connections_max, TAKEN_ON, waiting, || {
            format!("it waited to the end, with {open} connections open")
        })
    }
}
