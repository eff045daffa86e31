//! A thread on which a client library reads, so that one that never comes back can be left behind.

use std::sync::Weak;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use bytes::Bytes;
use onbeat_wire::Event;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::library::{Library, Stopped, guarded};
use super::{Arc, Reading};

/// After so many bytes the thread looks whether anybody still wants to know.
const PART_BYTES: usize = 4096;

/// The thread, as its owner sees it. It ends soon after the [`Reading`] has been dropped, unless the library hangs.
pub(super) struct Reader {
    pieces: Sender<Piece>,
    over: oneshot::Receiver<()>,
}

/// A piece of the stream; nothing at the end.
type Piece = Option<Bytes>;

impl Reader {
    /// Starts a thread that notes what the library dispatches, up to so many events.
    pub(super) fn start(mut library: Library, reading: &Arc<Mutex<Reading>>, events_max: usize) -> Self {
        let read = move |piece: &Piece, events: &mut Vec<Event>| match piece {
            Some(bytes) => library.push(bytes, events),
            None => library.end(events),
        };
        Self::spawn(read, reading, events_max)
    }

    fn spawn<R>(read: R, reading: &Arc<Mutex<Reading>>, events_max: usize) -> Self
    where
        R: FnMut(&Piece, &mut Vec<Event>) -> Result<(), Stopped> + Send + 'static,
    {
        let (pieces, handed_over) = mpsc::channel();
        let (ends, over) = oneshot::channel();
        let noted = Arc::downgrade(reading);
        let work = move || {
            read_all(read, &handed_over, &noted, events_max);
            if let Some(reading) = noted.upgrade() {
                reading.lock().over = true;
            }
            drop(ends);
        };
        if let Err(error) = thread::Builder::new().name("eventsource-stream".into()).spawn(work) {
            reading.lock().dispatched.gave_up = Some(format!("no thread for the client library: {error}"));
        }
        Self { pieces, over }
    }

    /// Gives the thread more of the stream.
    pub(super) fn hand_over(&self, bytes: Bytes, reading: &Mutex<Reading>) {
        reading.lock().unread_bytes += bytes.len();
        // A thread that has ended has said why.
        let _ = self.pieces.send(Some(bytes));
    }

    /// Ends the stream, and waits until the thread has read everything.
    pub(super) async fn finished(self) {
        let _ = self.pieces.send(None);
        // The other end is dropped with the thread, and nothing is ever sent.
        let _ = self.over.await;
    }
}

/// Reads until the end, or for as long as anybody wants to know.
fn read_all<R>(mut read: R, pieces: &Receiver<Piece>, noted: &Weak<Mutex<Reading>>, events_max: usize)
where
    R: FnMut(&Piece, &mut Vec<Event>) -> Result<(), Stopped>,
{
    let mut note = |piece: &Piece, length: usize| {
        let outcome = guarded(|events| read(piece, events));
        let Some(reading) = noted.upgrade() else { return false };
        let mut reading = reading.lock();
        reading.unread_bytes -= length;
        reading.note(outcome) && reading.dispatched.events.len() <= events_max
    };
    while let Ok(piece) = pieces.recv() {
        let reads_on = match piece {
            None => {
                note(&None, 0);
                false
            }
            Some(mut bytes) => loop {
                let part = bytes.split_to(bytes.len().min(PART_BYTES));
                if part.is_empty() {
                    break true;
                }
                let length = part.len();
                if !note(&Some(part), length) {
                    break false;
                }
            },
        };
        if !reads_on {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &[u8]) -> Event {
        Event { data: String::from_utf8_lossy(data).into_owned(), ..Event::default() }
    }

    fn reader<R>(read: R) -> (Reader, Arc<Mutex<Reading>>)
    where
        R: FnMut(&Piece, &mut Vec<Event>) -> Result<(), Stopped> + Send + 'static,
    {
        let reading = Arc::new(Mutex::new(Reading::default()));
        let reader = Reader::spawn(read, &reading, 10);
        reader.hand_over(Bytes::from_static(b"a"), &reading);
        reader.hand_over(Bytes::from_static(b"b"), &reading);
        (reader, reading)
    }

    fn outcome(reading: &Mutex<Reading>) -> crate::judge::Dispatched {
        reading.lock().clone().outcome()
    }

    #[tokio::test]
    async fn a_library_that_panics_is_told_of_and_what_it_dispatched_before_is_kept() {
        let (reader, dispatched) = reader(|piece, events| {
            if let Some(bytes) = piece {
                assert_ne!(bytes, "b", "end byte index 1 is not a char boundary");
                events.push(event(bytes));
            }
            Ok(())
        });
        reader.finished().await;
        let dispatched = outcome(&dispatched);
        assert_eq!((dispatched.events, dispatched.failed), (vec![event(b"a")], None));
        let why = dispatched.gave_up.expect("a panic");
        assert!(
            why.contains("eventsource-stream gave up: it panicked: assertion `left != right` failed: end byte index 1"),
            "{why}"
        );
    }

    #[tokio::test]
    async fn a_library_that_never_comes_back_is_left_behind() {
        let (entered, reads) = oneshot::channel::<()>();
        let mut entered = Some(entered);
        let (reader, dispatched) = reader(move |_, _| {
            drop(entered.take());
            loop {
                thread::park();
            }
        });
        let _ = reads.await;
        let finished = std::pin::pin!(reader.finished());
        assert!(futures_util::FutureExt::now_or_never(finished).is_none());
        let why = outcome(&dispatched).gave_up.expect("it hangs");
        assert!(why.contains("still busy, with 2 bytes to go"), "{why}");
    }

    #[tokio::test]
    async fn a_stream_is_read_to_its_end() {
        let (reader, dispatched) = reader(|piece, events| {
            events.push(match piece {
                Some(bytes) => event(bytes),
                None => event(b"end"),
            });
            Ok(())
        });
        reader.finished().await;
        let dispatched = outcome(&dispatched);
        assert_eq!(dispatched.events, [event(b"a"), event(b"b"), event(b"end")]);
        assert_eq!((dispatched.failed, dispatched.gave_up), (None, None));
    }
}
