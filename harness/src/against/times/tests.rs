use super::*;

const RULES: TimeRules = TimeRules { tolerance: Duration::from_millis(250), scale: 1 };

/// Returns the wrong lines where lines are due and come at these times.
fn wrong(due: &[u64], came: &[u64]) -> Vec<(usize, String)> {
    let lines = timed_lines(due, came);
    let found = wrong_times(&lines, Instant::EPOCH, RULES, &Stalls::default());
    found.into_iter().map(|wrong| (wrong.line, wrong.why)).collect()
}

fn every(ms: u64, count: u64) -> Vec<u64> {
    (1..=count).map(|n| n * ms).collect()
}

fn one(line: usize, why: &str) -> Vec<(usize, String)> {
    vec![(line, why.to_owned())]
}

#[test]
fn a_late_write_is_found_once_whether_the_rest_is_late_as_well_or_not() {
    let due = [300, 900, 1800, 3300];
    assert_eq!(wrong(&due, &due), []);
    assert_eq!(wrong(&due, &[300, 1150, 2050, 3550]), []);
    assert_eq!(wrong(&due, &[300, 1151, 2051, 3551]), one(3, "251 ms too late"));
    assert_eq!(wrong(&due, &[300, 1400, 1800, 3300]), one(3, "500 ms too late"));
    assert_eq!(wrong(&due, &[600, 1200, 2100, 3600]), one(2, "300 ms too late"));
}

#[test]
fn a_late_write_is_expected_later_by_as_much_as_the_line_before_was_late() {
    let expected = |came: &[u64]| {
        let lines = timed_lines(&[300, 900], came);
        let found = wrong_times(&lines, Instant::EPOCH, RULES, &Stalls::default());
        found.last().map(|wrong| wrong.expected.clone()).unwrap_or_default()
    };
    assert_eq!(expected(&[300, 1200]), "900 ms after the request");
    let by_both = "940 ms after the request: recorded 900 ms, line before 40 ms late";
    assert_eq!(expected(&[340, 1200]), by_both);
}

#[test]
fn an_early_write_is_found_and_the_jitter_of_a_recording_is_not() {
    // Steady gaps tell that the recording has little jitter, and unequal ones tell nothing.
    let due = [300, 400, 500, 600, 1500];
    assert_eq!(wrong(&due, &[300, 400, 500, 600, 1399]), one(6, "101 ms too early"));
    assert_eq!(wrong(&due, &[300, 400, 500, 600, 1400]), []);
    let due = [300, 900, 1800, 3300];
    assert_eq!(wrong(&due, &[300, 649, 1549, 3049]), one(3, "251 ms too early"));
    assert_eq!(wrong(&due, &[300, 650, 1550, 3050]), []);
    // The first write waits for a cold server once.
    assert_eq!(wrong(&due, &[60, 660, 1560, 3060]), []);
    assert_eq!(wrong(&due, &[40, 640, 1540, 3040]), one(2, "260 ms too early"));
    // A late write makes the next gap short, and no write early.
    assert_eq!(wrong(&due, &[300, 1100, 1800, 3300]), []);
    // The machine held up a single write of a steady recording.
    let mut held_up = every(1000, 8);
    held_up[3] += 120;
    assert_eq!(wrong(&held_up, &every(1000, 8)), []);
}

#[test]
fn a_pause_that_is_left_out_of_a_steady_stream_is_found() {
    // Gaps of 50 and 51 ms, and a pause.
    let at = |n: u64, pause: u64| 50 * n + n / 2 + if n > 4 { pause } else { 0 };
    let paused = |pause: u64| -> Vec<u64> { (0..14).map(|n| at(n, pause)).collect() };
    assert_eq!(wrong(&paused(250), &paused(0)), one(7, "250 ms too early"));
    assert_eq!(wrong(&paused(350), &paused(200)), one(7, "150 ms too early"));
    // So much may be the jitter of the machine that recorded.
    assert_eq!(wrong(&paused(150), &paused(0)), []);
}

#[test]
fn much_less_time_than_recorded_is_found_whatever_the_jitter() {
    let unequal = |by: u64| (1..=40).map(|n| n * by + (n % 4) * by / 3).collect::<Vec<_>>();
    let found = wrong(&unequal(60), &unequal(15));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(wrong(&unequal(60), &unequal(52)), []);
}

#[test]
fn another_pace_is_found_once() {
    assert_eq!(wrong(&every(1000, 10), &every(1100, 10)), one(2, "the pace is too slow"));
    assert_eq!(wrong(&every(1000, 10), &every(500, 10)), one(2, "the pace is too fast"));
    assert_eq!(wrong(&every(50, 40), &every(35, 40)), one(2, "the pace is too fast"));
    assert_eq!(wrong(&every(50, 40), &every(57, 40)), []);
    assert_eq!(wrong(&every(50, 8), &every(72, 8)), one(2, "the pace is too slow"));
    assert_eq!(wrong(&every(50, 8), &every(66, 8)), []);
    assert_eq!(wrong(&every(50, 3), &every(85, 3)), one(2, "the pace is too slow"));
    assert_eq!(wrong(&every(50, 3), &every(80, 3)), []);
    assert_eq!(wrong(&every(1000, 10), &every(1020, 10)), []);
}

#[test]
fn jitter_of_the_same_short_gaps_adds_up_to_nothing() {
    // A gap of 50 ms after each second, and a server that counts from its start.
    let due: Vec<u64> = (1..=8).flat_map(|n| [n * 1000, n * 1000 + 50]).collect();
    let moved = |by: u64| -> Vec<u64> { due.iter().map(|at| if at % 1000 == 0 { *at } else { at + by }).collect() };
    assert_eq!(wrong(&due, &moved(40)), []);
    let both = [(2, "the pace is too fast".to_owned()), (3, "the pace is too slow".to_owned())];
    assert_eq!(wrong(&due, &moved(60)), both);
    // The same gaps put each line off for good.
    let off = |n: u64| 1000 * n + 40 * (n - 1);
    let slow: Vec<u64> = (1..=8).flat_map(|n| [off(n), off(n) + 90]).collect();
    assert_eq!(wrong(&due, &slow), one(3, "the pace is too slow"));
    let mut stalled = slow.clone();
    stalled.iter_mut().skip(4).take(2).for_each(|at| *at += 200);
    assert_eq!(wrong(&due, &stalled), one(3, "the pace is too slow"));
}

#[test]
fn a_write_that_is_late_by_itself_is_found_beside_another_pace() {
    let mut came = every(1100, 10);
    came.iter_mut().skip(6).for_each(|ms| *ms += 2000);
    let found = wrong(&every(1000, 10), &came);
    assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 8]);
}

#[test]
fn a_stream_with_planned_gaps_that_is_twice_as_fast_is_found() {
    let times = |gap: fn(u64) -> u64| -> Vec<u64> {
        let sum = |at: &mut u64, n: u64| {
            *at += gap(n);
            Some(*at)
        };
        (1..=20).scan(0, sum).collect()
    };
    let due = times(|n| 20 + n * 37 % 61);
    let found = wrong(&due, &times(|n| u64::midpoint(20, n * 37 % 61)));
    assert_eq!(found.len(), 1, "{found:?}");
    // A machine that was busy may have made the recording so much longer.
    assert_eq!(wrong(&due, &times(|n| (20 + n * 37 % 61) * 4 / 5)), []);
    // Other gaps are random gaps, of which so few can be short by chance.
    assert_eq!(wrong(&due, &times(|n| u64::midpoint(20, n * 23 % 61))), []);
}
