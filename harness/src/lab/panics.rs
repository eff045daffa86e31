//! The panics of a lab's thread, noted with their places, even if other code catches the panics.
//!
//! tokio catches the panic of a task, and a layer may catch the panic of a handler. The process has a single panic hook. The
//! first lab sets a new hook, which notes the panics of threads with a lab, and then calls the former hook.

use std::cell::{Cell, RefCell};
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Once};

use onbeat_clock::Clock;

thread_local! {
    /// The notes of the thread; none on a thread without a lab.
    static NOTED: RefCell<Option<Notes>> = const { RefCell::new(None) };
    /// Whether noted panics of the thread are not printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// The panics of a lab so far.
struct Notes {
    clock: Arc<dyn Clock>,
    panics: Vec<String>,
    has_new: bool,
}

/// The noting of the thread's panics, until dropped.
pub(crate) struct PanicNotes(());

impl PanicNotes {
    /// Begins to note the panics of this thread, with the times of a clock.
    pub(super) fn begin(clock: Arc<dyn Clock>) -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                let is_noted = note(info);
                if !(is_noted && QUIET.try_with(Cell::get).unwrap_or_default()) {
                    before(info);
                }
            }));
        });
        NOTED.with_borrow_mut(|noted| *noted = Some(Notes { clock, panics: Vec::new(), has_new: false }));
        Self(())
    }

    /// Returns whether the thread has panicked since the beginning of the notes.
    #[cfg(feature = "simulate")]
    pub(crate) fn has_any() -> bool {
        NOTED.with_borrow(|noted| noted.as_ref().is_some_and(|noted| !noted.panics.is_empty()))
    }

    /// Returns whether the thread has panicked since the last call.
    pub(super) fn has_new() -> bool {
        NOTED.with_borrow_mut(|noted| noted.as_mut().is_some_and(|noted| std::mem::take(&mut noted.has_new)))
    }

    /// Takes out the panics so far.
    pub(crate) fn take() -> Vec<String> {
        NOTED.with_borrow_mut(|noted| {
            let Some(noted) = noted else { return Vec::new() };
            noted.has_new = false;
            std::mem::take(&mut noted.panics)
        })
    }
}

/// Calls `run`, and returns the result. Panics that a lab notes meanwhile are not printed: the caller tells of them.
#[cfg(feature = "simulate")]
pub(crate) fn quietly<T>(run: impl FnOnce() -> T) -> T {
    let before = QUIET.replace(true);
    let value = run();
    // Restores the former value, since a caller may be quiet already.
    QUIET.set(before);
    value
}

impl Drop for PanicNotes {
    fn drop(&mut self) {
        NOTED.with_borrow_mut(|noted| *noted = None);
    }
}

/// Notes a panic, and returns whether the thread has a lab.
fn note(info: &PanicHookInfo<'_>) -> bool {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("a panic without a message");
    let place = info.location().map(|place| format!(", at {place}")).unwrap_or_default();
    // Loses a panic that comes while the notes are borrowed; the former hook prints the panic all the same.
    let noted = NOTED.try_with(|noted| {
        let mut noted = noted.try_borrow_mut().ok()?;
        let Notes { clock, panics, has_new } = noted.as_mut()?;
        panics.push(format!("at {} ms: {message}{place}{}", clock.now().as_millis(), hint(message)));
        *has_new = true;
        Some(())
    });
    noted.is_ok_and(|noted| noted.is_some())
}

/// Returns what to do about a panic in the words of tokio: a lab has neither sockets nor several threads.
fn hint(message: &str) -> &'static str {
    if message.contains("IO is disabled") || message.contains("enable_io") {
        "\n  help: a lab has no sockets, since no time passes while a socket is waited for. Put the other server into the lab \
         with `Lab::add_host`, and connect to it with `Lab::connect` or `Lab::connector`."
    } else if message.contains("can call blocking only when running on the multi-threaded runtime") {
        "\n  help: a lab has one thread, so that the order of all things is always the same. Use `tokio::task::spawn_blocking` \
         in place of `block_in_place`."
    } else if message.contains("Cannot start a runtime from within a runtime") {
        "\n  help: the code runs in the lab's runtime already. Await the future in place of `block_on`."
    } else {
        ""
    }
}
