//! Who is served, who is cut off, and until when what is due must have come.

use onbeat_wire::Instant;

use super::members::Members;
use super::view::View;
use super::{Judged, World, violation};

const KEPT: &str = "nobody is cut off without a reason";
const EVICTED: &str = "who does not read is cut off when its mailbox is full";
const CLOSED: &str = "who asks for it, or speaks HTTP/1.0, is closed when it has been answered";
const LET_GO: &str = "who sends no more is let go at once";
const ENDED: &str = "a server that is told to end closes every connection";
const LIMIT: &str = "no more connections are served than there may be";
const TAKEN_ON: &str = "who waits is taken on as soon as there is room";

impl World<'_> {
    pub(super) fn connections(&self, members: &Members) -> Judged {
        for view in self.views.iter().filter(|view| view.connected.is_some() && !view.garbles()) {
            self.kept(view, members)?;
            if view.is_plain() {
                self.closed(view, members)?;
            }
        }
        if self.history.connections_max < self.views.len() {
            self.limit()?;
            self.taken_on()?;
        }
        Ok(())
    }

    /// Whether the client must have seen what was due at that time, and was caused by a deed of that batch, if by any.
    pub(super) fn is_owed(&self, view: &View, members: &Members, due: Instant, cause: Option<usize>) -> bool {
        let (seen, evicted) = (view.sees(due, self.times), members.evicted(view.client));
        if view.pauses() || view.sees(due, self.times) != self.times.comes(due) {
            // Who is slow gets it as long as nothing else happens to it.
            let ended = self.times.shut_down.is_some();
            return view.left.is_none() && evicted.is_none() && !ended && seen <= self.times.end;
        }
        let left = view.left.is_none_or(|left| {
            let before = cause.is_some_and(|batch| batch < left.first && self.times.of_batch[batch] == Some(due));
            seen < left.at || seen == left.at && before
        });
        let ended = self.times.shut_down.is_none_or(|(_, ending)| due <= ending);
        left && ended && evicted.is_none_or(|evicted| seen < evicted.at) && seen <= self.times.end
    }

    fn kept(&self, view: &View, members: &Members) -> Judged {
        let Some(closed) = view.closed else { return Ok(()) };
        let reasons = [
            view.left.map(|left| left.at),
            self.times.shut_down.map(|(_, at)| at),
            members.evicted(view.client).map(|evicted| evicted.at),
            view.asked_to_close().and_then(|ask| ask.over),
        ];
        if reasons.into_iter().flatten().all(|reason| closed < reason) {
            return violation(KEPT, Some(view), format!("its connection was closed at {} ms", closed.as_millis()));
        }
        Ok(())
    }

    /// Who must have been closed, and when.
    fn closed(&self, view: &View, members: &Members) -> Judged {
        let must = |reason, at: Instant| {
            let right = view.closed.is_some_and(|closed| !view.is_prompt() || closed <= at);
            let closed = view.closed.map_or("never".to_owned(), |closed| format!("at {} ms", closed.as_millis()));
            let detail = format!("its connection was to be closed at {} ms and was so {closed}", at.as_millis());
            if right { Ok(()) } else { violation(reason, Some(view), detail) }
        };
        if let Some(evicted) = members.evicted(view.client) {
            let stays = view.left.is_none_or(|left| view.is_prompt() && evicted.at < left.at);
            return if evicted.surely && stays { must(EVICTED, evicted.at) } else { Ok(()) };
        }
        if let Some(left) = view.left {
            let slow = !view.is_prompt() && self.times.shut_down.is_some();
            return if left.half && !slow { must(LET_GO, left.at) } else { Ok(()) };
        }
        match (self.times.shut_down, view.connected) {
            (Some((ending, at)), Some(connected)) if connected < ending => must(ENDED, at),
            (Some(_), _) => Ok(()),
            (None, _) => match view.asked_to_close().and_then(|ask| ask.over) {
                Some(over) if over <= self.times.recovery => must(CLOSED, over),
                _ => Ok(()),
            },
        }
    }

    /// Those who are answered at the same time are no more than may be connected.
    fn limit(&self) -> Judged {
        let prompt = self.views.iter().filter(|view| view.link.delay_ms_max() == 0 && !view.pauses());
        let served: Vec<(Instant, Instant)> = prompt
            .filter_map(|view| {
                let ends = [view.closed, view.left.map(|left| left.at), Some(self.times.end)];
                Some((view.responses.first()?.head.as_ref()?.0, ends.into_iter().flatten().min()?))
            })
            .collect();
        for (at, _) in &served {
            let served = served.iter().filter(|(from, to)| from <= at && at < to).count();
            if served > self.history.connections_max {
                return violation(LIMIT, None, format!("{served} were at {} ms", at.as_millis()));
            }
        }
        Ok(())
    }

    /// If somebody waits to the end, then since others stay.
    fn taken_on(&self) -> Judged {
        if self.times.shut_down.is_some() {
            return Ok(());
        }
        let unanswered = |view: &&View| view.waits() && view.responses.is_empty() && !view.asks.is_empty();
        // Who makes room so late that nobody is answered any more, makes none.
        let late = |at: Option<Instant>| at.is_none_or(|at| at >= self.times.recovery);
        let is_open = |view: &&View| {
            view.connected.is_some() && late(view.left.map(|left| left.at)) && late(view.closed) && !unanswered(view)
        };
        let open = self.views.iter().filter(is_open).count();
        let stays = |view: &View| view.left.is_none() && view.closed.is_none();
        let waits = self.views.iter().find(|view| stays(view) && unanswered(view));
        match waits {
            Some(view) if open < self.history.connections_max => {
                violation(TAKEN_ON, Some(view), format!("it waited to the end, with {open} connections open"))
            }
            _ => Ok(()),
        }
    }
}
