//! The tests of the application, with nothing but what `onbeat` has by default.

use onbeat::secs;

#[test]
fn the_event_comes_after_30_s_to_the_millisecond() {
    onbeat::lab(project::router(), async |lab| {
        let late = lab.get("/late").start().await;
        lab.advance(secs(29)).await;
        assert!(!late.has_head());
        lab.advance(secs(1)).await;
        assert_eq!((late.times_ms(), late.data()), (vec![30_000], vec!["late".to_owned()]));
    });
}

#[test]
fn a_client_that_leaves_before_the_event_leaves_nothing_behind() {
    onbeat::lab(project::router(), async |lab| {
        let late = lab.get("/late").start().await;
        lab.advance(secs(5)).await;
        late.close().await;
        assert!(lab.open().is_empty());
    });
}
