//! The events that an application's parser dispatches.

use onbeat_wire::Event;
use onbeat_wire::recording::{Dispatch, Fact};

use super::Trial;
use crate::judge::compare::compare;
use crate::judge::{Aspect, Dispatched, NumberedLine, Skipped};

fn told(event_type: &str, data: &str, id: &str) -> String {
    match id {
        "" => format!("{event_type}: {data}"),
        id => format!("{event_type}: {data} with the id {id}"),
    }
}

impl Trial<'_, '_> {
    /// Judges the events that an application dispatched, up to the first wrong event.
    pub(super) fn events(&mut self, expected: &[(NumberedLine, NumberedLine)], dispatched: &Dispatched) {
        let Some(((_, first), _)) = expected.first() else { return };
        match &dispatched.gave_up {
            Some(why) => self.evidence.skipped(&first.notes.cases, &Skipped::ParserGaveUp(why.clone())),
            None => self.evidence.judged(&first.notes.cases),
        }
        // Stops at the first wrong event: after a missing event, every later event would be wrong.
        let came: Vec<&Event> =
            dispatched.events.iter().filter(|event| !self.seen.others.may_have_caused_event(event)).collect();
        for (at, (event, write)) in expected.iter().enumerate() {
            let Fact::Event(Dispatch { r#type, data, last_event_id }) = &event.1.fact else { continue };
            let actual = match came.get(at) {
                // Returns without a finding, since the events after the point where the parser gave up may be right.
                None if dispatched.gave_up.is_some() => return,
                None => dispatched.failed.clone().unwrap_or_else(|| "nothing more".into()),
                Some(got) => {
                    let (vary, others) = (&write.1.notes.vary, self.seen.others.clients());
                    let is_same = got.event_type == *r#type
                        && got.last_event_id == *last_event_id
                        && compare(data, vary, got.data.as_bytes(), others).is_empty();
                    if is_same {
                        continue;
                    }
                    told(&got.event_type, &got.data, &got.last_event_id)
                }
            };
            let expected = told(r#type, data, last_event_id);
            let finding = self.finding(*event, expected, actual, "what eventsource-stream dispatches");
            self.evidence.found(&event.1.notes.cases, Aspect::Events, &finding);
            return;
        }
        // Accepts further events after a cut, whose number depends on the time at which the application was stopped.
        let is_cut = !self.scenario.rest.is_empty();
        if let (false, Some(event), Some((last, _))) = (is_cut, came.get(expected.len()), expected.last()) {
            let finding =
                self.finding(*last, "no further event", told(&event.event_type, &event.data, ""), "one too many");
            self.evidence.found(&last.1.notes.cases, Aspect::Events, &finding);
        }
    }
}
