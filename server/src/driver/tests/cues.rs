//! The cues of a script: each at its time, with pauses and an end.

use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use tokio_test::task;
use tokio_test::{assert_pending, assert_ready};

use super::*;
use crate::endpoints::stream_text;
use crate::script::{Cue, ResponseHead};
use onbeat_clock::TokioClock;

#[tokio::test(start_paused = true)]
async fn a_stream_is_pending_between_its_writes_and_woken_once_for_each() {
    let mut polled = body_of(stream_text::script, false);
    assert_eq!(polled.due().len(), 1);
    for ms in [50, 100, 150] {
        assert_pending!(polled.poll());
        assert!(!polled.body.is_woken());
        polled.until(ms - 1).await;
        assert!(!polled.body.is_woken());
        polled.until(ms).await;
        assert!(polled.body.is_woken());
        assert_eq!(polled.due().len(), 1);
        assert!(!polled.body.is_woken());
    }
}

#[tokio::test(start_paused = true)]
async fn a_finite_stream_says_so_with_its_last_write() {
    let mut polled = body_of(stream_text::script, false);
    polled.until(4799).await;
    assert_eq!(polled.due().len(), 81);
    assert!(!polled.body.is_end_stream());
    polled.until(4800).await;
    assert_eq!(polled.due(), ["data: {\"done\": true}\n\n"]);
    assert!(polled.body.is_end_stream());
    assert!(assert_ready!(polled.poll()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_much_to_write_pauses_again_and_again_and_loses_nothing() {
    let mut polled = body_of(stream_text::script, false);
    polled.until(4800).await;
    let (mut bytes, mut since_pause, mut pauses) = (0, 0, 0);
    loop {
        match polled.poll() {
            Poll::Ready(Some(Ok(write))) => {
                bytes += write.len();
                // A pause comes with the first write beyond the limit.
                assert!(since_pause < GATHERED_BYTES_MAX, "{since_pause} bytes without a pause");
                since_pause += write.len();
            }
            Poll::Pending if polled.body.is_woken() => (since_pause, pauses) = (0, pauses + 1),
            Poll::Ready(None) => break,
            other => panic!("expected a write, got {other:?}"),
        }
    }
    // Expects a pause for each full 2 KiB.
    assert_eq!((bytes, pauses), (5243, 2));
}

/// Plays these cues, each with the milliseconds, for ten seconds. Returns the polled body and the writes.
async fn played(cues: Vec<(u64, Action)>) -> (PolledBody<impl Script>, Vec<String>) {
    let script = move |_| cues.clone().into_iter().map(|(ms, action)| Cue { at: Duration::from_millis(ms), action });
    let mut polled = body_at(Arc::new(TokioClock::start()), script, false);
    assert!(!polled.body.is_end_stream(), "a body that says so before it is asked is sent as an empty one");
    let mut writes = polled.due();
    for second in 1..=10 {
        polled.until(second * 1000).await;
        writes.extend(polled.due());
    }
    (polled, writes)
}

#[tokio::test(start_paused = true)]
async fn a_script_says_how_its_response_ends_and_when() {
    let write = |ms| (ms, Action::Write(Bytes::from_static(b"x")));
    for (how, ending, over) in [
        (How::Complete, None, Some(How::Complete)),
        (How::Cut, Some(Ending::Cut), Some(How::Cut)),
        (How::Reset, Some(Ending::Reset), Some(How::Reset)),
        // The client is to close the connection.
        (How::Closed, None, None),
    ] {
        for cues in [vec![(5000, Action::End(how))], vec![write(0), write(3000), (3000, Action::End(how)), write(4000)]]
        {
            let expected = cues.iter().filter(|cue| cue.0 < 4000 && matches!(cue.1, Action::Write(_))).count();
            let (mut polled, writes) = played(cues).await;
            assert_eq!(writes.len(), expected, "{how:?}");
            assert_eq!((polled.connection.ending(), polled.body.over), (ending, over));
            assert_eq!(polled.body.is_end_stream(), how == How::Complete);
            assert_eq!(polled.poll().is_ready(), how == How::Complete);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_its_client_is_to_close_ends_in_good_order_with_its_connection() {
    let (mut polled, _) = played(vec![(0, Action::End(How::Closed))]).await;
    assert_pending!(polled.poll());
    polled.connection.end(Ending::InGoodOrder);
    assert!(assert_ready!(polled.poll()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_flush_is_a_pause_between_two_writes() {
    let write = || (0, Action::Write(Bytes::from_static(b"x")));
    let cues = vec![write(), (0, Action::Flush), write(), (0, Action::End(How::Complete))];
    let script = move |_| cues.clone().into_iter().map(|(_, action)| Cue { at: Duration::ZERO, action });
    let mut polled = body_at(Arc::new(TokioClock::start()), script, false);
    assert!(polled.poll().is_ready());
    assert_pending!(polled.poll());
    assert!(polled.body.is_woken());
    assert!(polled.poll().is_ready() && polled.body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_due_later_is_waited_for() {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    let head = ResponseHead { status: StatusCode::ACCEPTED, headers };
    let sent = head.clone();
    let script = move |_| {
        let at = Duration::from_millis(700);
        [Action::Head(Box::new(head.clone())), Action::End(How::Complete)].map(|action| Cue { at, action }).into_iter()
    };
    let mut polled = body_at(Arc::new(TokioClock::start()), script, false);
    let mut driver = polled.body.into_inner();
    assert!(matches!(driver.opening().await, Opening::Head(head) if head == sent));
    assert_eq!(polled.clock.now().as_millis(), 700);
    polled.body = task::spawn(driver);
    assert!(assert_ready!(polled.poll()).is_none());
}
