//! The events that an application's parser dispatches.

use onbeat_wire::Event;
use onbeat_wire::recording::{Dispatch, Fact};

use super::Trial;
use crate::judge::case::Aspect;
use crate::judge::compare::compare;
use crate::judge::observation::Dispatched;
use crate::judge::scene::Numbered;

impl Trial<'_, '_> {
    /// Judges the events that an application dispatched.
    pub(super) fn events(&mut self, expected: &[(Numbered, Numbered)], dispatched: &Dispatched) {
        let Some(((_, first), _)) = expected.first() else { return };
        match &dispatched.gave_up {
            Some(why) => self.evidence.unjudged(&first.notes.cases, why),
            None => self.evidence.judged(&first.notes.cases),
        }
        let came: Vec<&Event> =
            dispatched.events.iter().filter(|event| !self.seen.others.may_have_caused_event(event)).collect();
        for (at, (event, write)) in expected.iter().enumerate() {
            let Fact::Event(Dispatch { r#type, data, last_event_id }) = &event.1.fact else { continue };
            let told = |event_type: &str, data: &str, id: &str| match id {
                "" => format!("{event_type}: {data}"),
                id => format!("{event_type}: {data} with the id {id}"),
            };
            let wrong = match came.get(at) {
                // Events after the point where the parser gave up may be right.
                None if dispatched.gave_up.is_some() => return,
                None => Some(dispatched.failed.clone().unwrap_or_else(|| "nothing more".into())),
                Some(got) => {
                    let same = got.event_type == *r#type
                        && got.last_event_id == *last_event_id
                        && compare(data, &write.1.notes.vary, got.data.as_bytes(), self.seen.others.clients())
                            .is_empty();
                    (!same).then(|| told(&got.event_type, &got.data, &got.last_event_id))
                }
            };
            if let Some(actual) = wrong {
                let expected = told(r#type, data, last_event_id);
                let finding = self.finding(*event, expected, actual, "what eventsource-stream dispatches");
                self.evidence.found(&event.1.notes.cases, Aspect::Events, &finding);
                return;
            }
        }
        // The number of events after a cut depends on the time at which the application was stopped.
        let cut = !self.scene.rest.is_empty();
        if let (false, Some(event), Some(((number, last), _))) = (cut, came.get(expected.len()), expected.last()) {
            let actual = format!("{}: {}", event.event_type, event.data);
            let finding = self.finding((*number, last), "no further event", actual, "one too many");
            self.evidence.found(&last.notes.cases, Aspect::Events, &finding);
        }
    }
}
