//! Any single mistake of a server is found, and the line named; what two machines do to times is not.

use proptest::prelude::*;

use super::{FIRST_WRITE, MadeUpResponse, Measure, failing, lines};

/// A stream of distinct events.
fn stream(gaps: &[u64]) -> MadeUpResponse {
    let mut at_ms = 10;
    let writes: Vec<(u64, String)> = gaps
        .iter()
        .enumerate()
        .map(|(n, gap)| {
            at_ms += gap;
            (at_ms, format!("id: {n}\ndata: {{\"n\":{n},\"text\":\"word {n}\"}}\n\n"))
        })
        .collect();
    let writes: Vec<(u64, &str)> = writes.iter().map(|(ms, text)| (*ms, text.as_str())).collect();
    MadeUpResponse::events(&writes)
}

fn gaps() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![Just(50_u64), Just(1000), 0..3000_u64], 3..30)
}

/// A mistake of a server.
#[derive(Clone, Copy, Debug)]
enum Mistake {
    Drop,
    Duplicate,
    Swap,
    Alter,
    Delay,
    Cut,
}

fn mistake() -> impl Strategy<Value = Mistake> {
    use Mistake::{Alter, Cut, Delay, Drop, Duplicate, Swap};
    prop::sample::select(vec![Drop, Duplicate, Swap, Alter, Delay, Cut])
}

/// Returns the response with a mistake at a write.
fn mistaken(mut came: MadeUpResponse, mistake: Mistake, at: usize, byte: usize) -> MadeUpResponse {
    match mistake {
        Mistake::Drop => {
            came.writes.remove(at);
        }
        Mistake::Duplicate => {
            let again = came.writes[at].clone();
            came.writes.insert(at, again);
        }
        Mistake::Swap => {
            let text = came.writes[at].1.clone();
            came.writes[at].1 = std::mem::replace(&mut came.writes[at + 1].1, text);
        }
        Mistake::Alter => {
            let text = &mut came.writes[at].1;
            let byte = byte % (text.len() - 2);
            let other = if &text[byte..=byte] == "~" { "^" } else { "~" };
            text.replace_range(byte..=byte, other);
        }
        Mistake::Delay => {
            came.writes.iter_mut().skip(at).for_each(|write| write.0 += 300);
            came.end.0 += 300;
        }
        Mistake::Cut => {
            came.writes.truncate(at);
            came.end = (came.writes.last().map_or(6, |write| write.0), "cut");
        }
    }
    came
}

proptest! {
    #[test]
    fn a_single_mistake_is_found_and_its_line_is_named(
        gaps in gaps(), mistake in mistake(), at: prop::sample::Index, byte in 0..1000_usize,
    ) {
        let recorded = stream(&gaps);
        let at = at.index(gaps.len() - 1);
        let came = mistaken(recorded.clone(), mistake, at, byte);
        let line = FIRST_WRITE + at;
        let found = failing(&recorded, &came, Measure::Chunks);
        let named = lines(&found);
        match mistake {
            Mistake::Swap => prop_assert!(named.contains(&line) || named.contains(&(line + 1)), "{found:?}"),
            _ => prop_assert!(named.contains(&line), "{line}: {found:?}"),
        }
        // One mistake is told once, or twice where the end is wrong as well.
        prop_assert!(named.len() <= 2, "{found:?}");
    }

    #[test]
    fn jitter_is_not_found(gaps in gaps(), recorded_late in prop::collection::vec(0..20_u64, 30), late in prop::collection::vec(0..30_u64, 30)) {
        let stream = stream(&gaps);
        let jittered = |by: &[u64]| {
            let mut jittered = stream.clone();
            let mut last = 0;
            for (write, by) in jittered.writes.iter_mut().zip(by) {
                last = (write.0 + by).max(last);
                write.0 = last;
            }
            jittered.end.0 = jittered.end.0.max(last);
            jittered
        };
        let found = failing(&jittered(&recorded_late), &jittered(&late), Measure::Chunks);
        prop_assert_eq!(found, vec![]);
    }
}

#[test]
fn gaps_that_jitter_has_divided_into_short_and_long_ones_keep_their_pace() {
    let gaps = [50, 1000, 50, 50, 50, 50, 1000, 50, 50, 50, 50, 1000, 50, 1000, 1000, 1000, 1000, 50, 50];
    let with = |late: &[(usize, u64)]| {
        let mut response = stream(&gaps);
        for (write, ms) in late {
            response.writes[*write].0 += ms;
        }
        response
    };
    let recorded = with(&[(0, 3), (2, 13), (4, 19), (7, 15), (9, 14), (12, 7), (17, 19)]);
    assert_eq!(failing(&recorded, &with(&[(3, 11), (5, 5), (10, 10), (18, 5)]), Measure::Chunks), []);
}

#[test]
fn a_long_run_of_missing_lines_hides_no_later_mistake() {
    let recorded = stream(&[20; 400]);
    let mut came = recorded.clone();
    came.writes[350].1 = came.writes[350].1.replace("word", "wart");
    came.writes.drain(100..250);
    let found = lines(&failing(&recorded, &came, Measure::Chunks));
    let missing = (FIRST_WRITE + 100..FIRST_WRITE + 250).chain([FIRST_WRITE + 350]);
    assert_eq!(found, missing.collect::<Vec<_>>());
}

#[test]
fn of_equal_lines_the_time_tells_which_is_missing() {
    let ticks: Vec<(u64, &str)> = (1..=12).map(|n| (n * 1000, ":hi\n\n")).collect();
    let recorded = MadeUpResponse::events(&ticks);
    let mut came = recorded.clone();
    came.writes.remove(5);
    assert_eq!(lines(&failing(&recorded, &came, Measure::Chunks)), [FIRST_WRITE + 5]);
}

#[test]
fn a_moved_line_is_named_with_its_place() {
    let recorded = stream(&[100; 8]);
    let mut came = recorded.clone();
    let moved = came.writes[1].1.clone();
    let times: Vec<u64> = came.writes.iter().map(|write| write.0).collect();
    came.writes.remove(1);
    came.writes.insert(5, (0, moved, serde_json::json!({})));
    came.writes.iter_mut().zip(times).for_each(|(write, ms)| write.0 = ms);
    assert_eq!(failing(&recorded, &came, Measure::Chunks), [(FIRST_WRITE + 1, "out of order".to_owned())]);
}
