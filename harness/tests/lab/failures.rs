//! The messages of a lab when something goes wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::{StreamExt, stream};
use onbeat::{Lab, LabOptions, lab, ms, secs};

use crate::applications::ticker;
use crate::snapshot::assert_snapshot;

/// Returns the message of a failing test, without the places of panics.
pub(crate) fn message(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("the test fails");
    let text = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(ToString::to_string));
    let text = text.expect("a message");
    let lines = text.lines().map(|line| line.split_once(", at ").map_or(line, |(message, _)| message));
    lines.collect::<Vec<_>>().join("\n")
}

fn fails<T>(app: Router, test: impl AsyncFnOnce(Lab) -> T) -> String {
    message(|| {
        lab(app, test);
    })
}

#[test]
fn a_wait_for_what_never_comes_says_what_is_waited_for() {
    let app = Router::new()
        .route(
            "/silent",
            get(async || {
                axum::response::sse::Sse::new(stream::pending::<
                    Result<axum::response::sse::Event, std::convert::Infallible>,
                >())
            }),
        )
        .merge(ticker());
    assert_snapshot!(
        "lab-never-comes",
        fails(app, async |lab| {
            let _ticks = lab.get("/ticks").await;
            lab.advance(secs(5)).await;
            let mut silent = lab.get("/silent").await;
            silent.next_event().await
        })
        .lines()
        .filter(|line| !line.contains("write  "))
        .collect::<Vec<_>>()
        .join("\n")
    );
}

#[test]
fn a_panic_of_a_handler_says_where_and_what_the_client_saw() {
    async fn broken() -> &'static str {
        tokio::time::sleep(ms(1200)).await;
        panic!("index out of bounds")
    }
    assert_snapshot!(
        "lab-handler-panics",
        fails(Router::new().route("/broken", get(broken)), async |lab| lab.get("/broken").await)
    );
}

#[test]
fn a_panic_in_the_middle_of_a_body_ends_the_test() {
    let app = Router::new().route(
        "/half",
        get(async || {
            let pieces = stream::iter([1, 2, 3]).then(async |number| {
                tokio::time::sleep(secs(1)).await;
                assert!(number < 3, "no third piece");
                Ok::<_, std::io::Error>(format!("{number}"))
            });
            Body::from_stream(pieces)
        }),
    );
    assert_snapshot!(
        "lab-body-panics",
        fails(app, async |lab| {
            let half = lab.get("/half").await;
            lab.advance(secs(10)).await;
            half.text()
        })
    );
}

#[test]
fn a_panic_of_a_task_fails_the_test_at_the_end_unless_allowed() {
    let app = || {
        Router::new().route(
            "/spawn",
            get(async || {
                tokio::spawn(async { panic!("the task is broken") });
            }),
        )
    };
    let text = fails(app(), async |lab| {
        lab.get("/spawn").await;
    });
    assert!(text.starts_with("the application panicked\n  panic at 0 ms: the task is broken"), "{text}");
    LabOptions::new().allow_panics().run(app(), async |lab| {
        lab.get("/spawn").await;
    });
}

#[test]
fn a_typo_in_a_path_is_no_empty_stream() {
    assert_snapshot!(
        "lab-typo",
        fails(ticker(), async |lab| {
            let ticks = lab.get("/tiks").await;
            lab.advance(secs(60)).await;
            ticks.events().len()
        })
    );
}

#[test]
fn a_lab_in_a_runtime_says_what_to_write_instead() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let text = message(|| runtime.block_on(async { lab(ticker(), async |_| ()) }));
    assert_eq!(
        text,
        "a lab has a runtime of its own, in paused time: make the test a `#[test]` function, not a `#[tokio::test]`"
    );
}

#[test]
fn panics_in_tokios_words_are_followed_by_help() {
    async fn upstream() -> String {
        let socket = tokio::net::TcpStream::connect("127.0.0.1:9").await;
        format!("{socket:?}")
    }
    let app = || {
        Router::new()
            .route("/upstream", get(upstream))
            .route("/blocks", get(async || tokio::task::block_in_place(|| 7).to_string()))
    };
    let text = fails(app(), async |lab| lab.get("/upstream").await.text());
    assert!(text.contains("help: a lab has no sockets"), "{text}");
    let text = fails(app(), async |lab| lab.get("/blocks").await.text());
    assert!(text.contains("help: a lab has one thread"), "{text}");
}

#[test]
fn a_blocking_task_that_never_ends_is_stuck_for_real() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(released));
    let app = Router::new().route(
        "/stuck",
        get(async move || {
            let released = std::sync::Arc::clone(&released);
            tokio::task::spawn_blocking(move || released.lock().is_ok_and(|released| released.recv().is_err()))
                .await
                .is_ok()
                .to_string()
        }),
    );
    let text = message(|| {
        LabOptions::new().real_time_limit(Duration::from_secs(1)).run(app, async |lab| lab.get("/stuck").await.text());
    });
    assert!(text.starts_with("nothing has happened for 1 s of the machine's time"), "{text}");
    drop(release);
}

#[test]
fn a_wait_for_an_event_ends_though_comments_come() {
    let text = message(|| {
        LabOptions::new().patience(secs(25)).run(ticker(), async |lab| {
            let mut ticks = lab.get("/ticks").await;
            ticks.next_event().await.expect("a tick");
            ticks.next_event().await
        });
    });
    assert!(text.contains("25 s of virtual time have passed"), "{text}");
    assert!(text.contains("waited for:\n  the next event of GET /ticks, client 1, since 0 ms"), "{text}");
    assert!(text.contains("20000 ms  write  : ping"), "{text}");
}

#[test]
fn an_action_beside_an_advance_leaves_the_advance_its_time() {
    lab(ticker(), async |lab| {
        let action = async { lab.get("/ticks").await };
        tokio::join!(lab.advance(secs(86_400)), action);
        assert_eq!(lab.now(), secs(86_400));
    });
}

#[test]
fn a_timer_beside_a_blocking_task_is_no_progress() {
    let app = Router::new().route(
        "/stuck",
        get(async || {
            tokio::spawn(async { tokio::time::sleep(ms(10)).await });
            let _ = tokio::task::spawn_blocking(std::thread::park).await;
        }),
    );
    let text = message(|| {
        LabOptions::new().real_time_limit(Duration::from_secs(1)).run(app, async |lab| lab.get("/stuck").await.text());
    });
    assert!(text.starts_with("nothing has happened for 1 s of the machine's time"), "{text}");
}

/// Blocks the thread of a lab for ever: only another process can look at that.
#[test]
#[ignore = "aborts the process"]
fn a_handler_waits_for_a_lock_that_it_holds() {
    let app = Router::new().route(
        "/locked",
        get(async || {
            let lock = std::sync::Mutex::new(());
            let _held = lock.lock();
            drop(lock.lock());
        }),
    );
    LabOptions::new().real_time_limit(Duration::from_secs(1)).run(app, async |lab| lab.get("/locked").await.text());
}

#[test]
fn a_blocked_thread_ends_the_process_with_what_is_open() {
    let program = std::env::current_exe().expect("this program");
    let arguments = ["--ignored", "--exact", "failures::a_handler_waits_for_a_lock_that_it_holds"];
    let output = std::process::Command::new(program).args(arguments).output().expect("a run of this program");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains("the thread of the test is blocked: by a lock"), "{told}");
    assert!(told.contains("open: GET /locked, client 1, since 0 ms, not answered yet"), "{told}");
}

#[test]
fn a_panic_of_a_task_ends_a_wait_and_has_its_time() {
    let app = ticker().route(
        "/spawn",
        get(async || {
            tokio::spawn(async {
                tokio::time::sleep(ms(1234)).await;
                panic!("the task is broken")
            });
        }),
    );
    let text = fails(app, async |lab| {
        lab.get("/spawn").await;
        lab.advance(secs(60)).await;
    });
    assert!(text.starts_with("the application panicked\n  panic at 1234 ms: the task is broken\nat 1234 ms"), "{text}");
}

#[test]
fn the_cause_of_a_cut_is_in_the_report() {
    let app = Router::new().route(
        "/cut",
        get(async || {
            let pieces = [Ok("data: 1\n\n"), Err(std::io::Error::other("the model died"))];
            Body::from_stream(stream::iter(pieces).then(async |piece| {
                tokio::time::sleep(ms(10)).await;
                piece
            }))
        }),
    );
    let text = message(|| {
        LabOptions::new().patience(secs(1)).run(app, async |lab| {
            let cut = lab.get("/cut").await;
            cut.ended().await;
            std::future::pending::<()>().await;
        });
    });
    assert!(text.contains("failed answers:\n  GET /cut, client 1, since 0 ms: the model died"), "{text}");
}

#[test]
fn time_passes_in_whole_milliseconds() {
    let text = fails(ticker(), async |lab| lab.advance(Duration::from_micros(500)).await);
    assert_eq!(text, "expected whole milliseconds, got 500µs");
}

#[test]
fn time_that_leaves_the_milliseconds_is_told() {
    let app = Router::new().route(
        "/advance",
        get(async || {
            #[expect(
                clippy::disallowed_methods,
                reason = "the application under test does what no application should"
            )]
            tokio::time::advance(Duration::from_micros(1500)).await;
        }),
    );
    let text = fails(app, async |lab| lab.get("/advance").await.text());
    assert!(text.starts_with("the time is 1.5 ms, which is no whole number of milliseconds"), "{text}");
}
