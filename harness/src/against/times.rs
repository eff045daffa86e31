//! Times: early, late, or at another pace than in the recording.

use std::time::Duration;

use onbeat_wire::{Instant, whole_ms};

use self::lost_beats::lost_beats;
use self::planned_gaps::are_planned;
use super::facts::ByteTimes;
use crate::judge::Stalls;

mod lost_beats;
mod planned_gaps;
#[cfg(test)]
mod tests;

/// Times in a steady recording are known to this part of the tolerance.
const STEADY: (u32, u32) = (2, 5);
/// A steady gap differs from the usual gap by no more.
const STEADY_MS: u64 = 20;
/// A recording is steady if at most one gap in so many differs by more, such as a pause of the server.
const ODD_GAPS: usize = 8;
/// A steady recording was held up by this part of the tolerance at most: a longer gap is a pause of the server.
const HELD_UP: (u32, u32) = (3, 5);
/// A gap of one kind is longer than the next shorter one by at most a quarter and some milliseconds, by which a machine may be
/// late: a late write makes the gap before longer, and the gap behind shorter.
const SAME_GAP_PARTS: u64 = 4;
const SAME_GAP_MS: u64 = 15;
/// A busy machine, or chance, makes a recording longer by this part at most; and by the other, if the gaps are planned.
const DRIFT_PARTS: u64 = 3;
const PLANNED_DRIFT_PARTS: u64 = 4;
/// The check looks for stalls of the machine by timers of this length.
const TIMER_MS: u64 = 10;
/// Fewer gaps of one kind have no median worth the name.
const GAPS_MIN: usize = 3;
/// The median of fewer gaps is less exact, by so many milliseconds shared among the gaps.
const FEW: usize = 10;
const INEXACT_MS: u64 = 60;

/// The jitter of two machines makes a gap longer or shorter by no more, and the next gaps make up for it.
const JITTER_MS: i64 = 50;

/// The number of the end in place of a write: neither a write nor the head has it.
pub(super) const END: usize = usize::MAX - 1;

/// How times are judged.
#[derive(Clone, Copy, Debug)]
pub struct TimeRules {
    /// How late a write may be.
    pub tolerance: Duration,
    /// How many times as fast as in the recording the server's time runs.
    pub scale: u32,
}

impl TimeRules {
    /// Returns how early a write may be where the recording is steady, in milliseconds.
    pub(super) fn steady_slack_ms(self) -> u64 {
        whole_ms(self.tolerance * STEADY.0 / STEADY.1)
    }
}

/// A line that came: its times in the recording, and now.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedLine {
    /// The number of the line.
    pub(super) line: usize,
    /// The write with the line, by index; lines of the same write have no time in between.
    pub(super) write: usize,
    pub(super) due: ByteTimes,
    pub(super) came: ByteTimes,
    /// The series of the line; the times of each series are judged by themselves.
    pub(super) series: Option<usize>,
    /// Whether lines before are missing, so that the gap before the line says nothing.
    pub(super) is_after_hole: bool,
    /// Whether the write of the line has the next line as well, in the recording alone, or now alone. A server that joins writes
    /// now and then holds back such a line, so that the gap before the line says nothing of the pace.
    pub(super) is_joined_otherwise: bool,
}

impl TimedLine {
    /// Returns the line as due on a server whose time runs `scale` times as fast as in the recording.
    pub(super) fn scaled(self, scale: u32) -> Self {
        let scaled = |ms: u64| ms / u64::from(scale);
        let due = ByteTimes { first_ms: scaled(self.due.first_ms), last_ms: scaled(self.due.last_ms) };
        Self { due, ..self }
    }
}

/// A line that came at a wrong time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WrongTime {
    pub(super) line: usize,
    /// Whether the line came early by itself.
    pub(super) is_early: bool,
    pub(super) came_ms: u64,
    pub(super) expected: String,
    pub(super) actual: String,
    pub(super) why: String,
}

/// A gap between two lines, in milliseconds: in the recording, and now.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedGap {
    pub(super) at: usize,
    due_ms: u64,
    came_ms: u64,
}

impl TimedGap {
    #[expect(clippy::cast_possible_wrap, reason = "a recording lasts a century at most")]
    pub(super) fn off_ms(self) -> i64 {
        self.came_ms as i64 - self.due_ms as i64
    }
}

/// Returns the lines that came at a wrong time. The head comes first; the request began at `began`.
pub(super) fn wrong_times(lines: &[TimedLine], began: Instant, rules: TimeRules, stalls: &Stalls) -> Vec<WrongTime> {
    let at = |ms| began + Duration::from_millis(ms);
    let held_up = |from_ms: u64, to_ms: u64| whole_ms(stalls.within(at(from_ms), at(to_ms)));
    // A write waits for its turn on the processor, and not for all that other writes wait for.
    let excused = |from_ms: u64, to_ms: u64| whole_ms(stalls.longest(at(from_ms), at(to_ms)));
    let mut wrong = Vec::new();
    let mut explained = vec![false; lines.len()];
    for gaps in kinds_of_gaps(lines) {
        if let Some(found) = wrong_pace(lines, &gaps, &held_up) {
            // The pace explains each gap of the kind, except a gap that is wrong by itself.
            let median = median_off(&gaps);
            let near = |gap: &&TimedGap| gap.off_ms().abs_diff(median) <= whole_ms(rules.tolerance);
            gaps.iter().filter(near).for_each(|gap| explained[gap.at] = true);
            wrong.push(found);
        }
    }
    if wrong.is_empty() {
        wrong.extend(lost_beats(lines, rules));
    }
    let is_steady = is_steady(lines, &usual_gaps(lines, rules.tolerance));
    let part = |(part, of): (u32, u32)| if is_steady { rules.tolerance * part / of } else { rules.tolerance };
    let (slack, usual) = (part(STEADY), usual_gaps(lines, part(HELD_UP)));
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| !explained[*at]) {
        let before = at.checked_sub(1).map(|before| lines[before]);
        wrong.extend(late(*line, before, rules, &excused));
        let is_held_back = at == 1 || line.is_joined_otherwise;
        wrong.extend(early(lines, at, usual[at], if is_held_back { rules.tolerance } else { slack }));
    }
    // Single gaps may be too short to tell. Nothing explains a response in much less than the recorded time.
    if wrong.is_empty() {
        let whole = lines.iter().take_while(|line| !line.is_after_hole).count();
        let whole = &lines[..whole];
        let (slack_ms, parts) = if are_planned(whole) {
            (rules.steady_slack_ms(), PLANNED_DRIFT_PARTS)
        } else {
            (whole_ms(rules.tolerance), DRIFT_PARTS)
        };
        let far_too_early = |line: &TimedLine| far_too_early(lines[0], *line, |due_ms| slack_ms + due_ms / parts);
        wrong.extend(whole.iter().skip(1).find_map(far_too_early));
    }
    wrong.sort_by_key(|wrong| wrong.line);
    wrong
}

/// Returns whether the jitter of the recording is small: nearly all gaps are as long as usual.
fn is_steady(lines: &[TimedLine], usual: &[Option<u64>]) -> bool {
    // The gap before the first write is the wait of the server, and not one of its steady gaps.
    let gap_ms = |at: usize| lines[at].due.last_ms.saturating_sub(lines[at - 1].due.last_ms);
    let offs: Vec<u64> = (2..lines.len()).filter_map(|at| Some(gap_ms(at).abs_diff(usual[at]?))).collect();
    let odd = offs.iter().filter(|off| **off > STEADY_MS).count();
    !offs.is_empty() && odd * ODD_GAPS <= offs.len()
}

/// Returns the line as late, if so: since the request, and since the line before.
fn late(
    line: TimedLine,
    before: Option<TimedLine>,
    rules: TimeRules,
    excused: &impl Fn(u64, u64) -> u64,
) -> Option<WrongTime> {
    let tolerance = whole_ms(rules.tolerance);
    let gap_ms = before.map_or(line.due.last_ms, |before| line.due.last_ms.saturating_sub(before.due.first_ms));
    let from_ms = before.map_or(0, |before| before.came.last_ms);
    // Takes the later time: a line is late only if late since both the line before and the request.
    let due_ms = (from_ms + gap_ms).max(line.due.last_ms);
    let by_ms = line.came.first_ms.saturating_sub(due_ms);
    let is_late = by_ms > tolerance + excused(due_ms, line.came.first_ms);
    is_late.then(|| {
        let mut wrong = untimely(line, due_ms, "late", by_ms);
        let (recorded_ms, behind_ms) = (line.due.last_ms, due_ms - line.due.last_ms);
        if behind_ms > 0 {
            wrong.expected += &format!(": recorded {recorded_ms} ms, line before {behind_ms} ms late");
        }
        wrong
    })
}

/// Returns the line as early, if so: since the request, since the head, and since the line before.
fn early(lines: &[TimedLine], at: usize, usual: Option<u64>, slack: Duration) -> Option<WrongTime> {
    let (line, head) = (lines[at], lines[0]);
    // A head may come as early as it can.
    let before = *lines.get(at.checked_sub(1)?)?;
    // A server that leaves a line out often leaves the wait before the line out as well.
    if line.is_after_hole {
        return None;
    }
    let due_ms = line.due.first_ms;
    let since = |due: ByteTimes, came: ByteTimes| (due_ms.saturating_sub(due.last_ms), came.last_ms);
    let gap = since(before.due, before.came);
    let gap = (usual.map_or(gap.0, |usual| gap.0.min(usual)), gap.1);
    let from_head = since(head.due, head.came);
    // The first write often comes with the head, late or early as both may be.
    let bounds = if at == 1 { vec![(due_ms, 0)] } else { vec![(due_ms, 0), from_head, gap] };
    // Takes the least difference, since a line is early only if early since each of the times.
    let by_ms = bounds.iter().map(|(after, from)| (from + after).saturating_sub(line.came.last_ms)).min()?;
    (by_ms > whole_ms(slack)).then(|| untimely(line, line.came.last_ms + by_ms, "early", by_ms))
}

/// Returns the line as early, if so much of the recorded time is missing that no jitter explains it: since the request, and
/// since the head.
fn far_too_early(head: TimedLine, line: TimedLine, slack_ms: impl Fn(u64) -> u64) -> Option<WrongTime> {
    let since_head_ms = |line_ms: u64, head_ms: u64| line_ms.saturating_sub(head_ms);
    let by = |due_ms: u64, came_ms: u64| due_ms.saturating_sub(came_ms).checked_sub(slack_ms(due_ms) + 1);
    let (due_ms, came_ms) = (line.due.first_ms, line.came.last_ms);
    by(due_ms, came_ms)?;
    by(since_head_ms(due_ms, head.due.last_ms), since_head_ms(came_ms, head.came.last_ms))?;
    Some(untimely(line, due_ms, "early", due_ms - came_ms))
}

pub(super) fn untimely(line: TimedLine, due_ms: u64, how: &str, by_ms: u64) -> WrongTime {
    // Counts lateness from the first byte, and earliness from the last byte.
    let came_ms = if how == "late" { line.came.first_ms } else { line.came.last_ms };
    WrongTime {
        line: line.line,
        is_early: how == "early",
        came_ms,
        expected: format!("{due_ms} ms after the request"),
        actual: format!("{came_ms} ms after the request"),
        why: format!("{by_ms} ms too {how}"),
    }
}

/// Returns the gaps between lines that follow each other, in kinds of about the same length in the recording.
pub(super) fn kinds_of_gaps(lines: &[TimedLine]) -> Vec<Vec<TimedGap>> {
    let mut gaps: Vec<TimedGap> = (1..lines.len()).filter_map(|at| gap_before(lines, at)).collect();
    gaps.sort_by_key(|gap| (gap.due_ms, gap.at));
    let mut kinds: Vec<Vec<TimedGap>> = Vec::new();
    for gap in gaps {
        match kinds.last_mut() {
            Some(kind) if kind.last().is_some_and(|shorter| is_of_kind(shorter.due_ms, gap.due_ms)) => kind.push(gap),
            _ => kinds.push(vec![gap]),
        }
    }
    kinds.retain(|kind| kind.len() >= GAPS_MIN);
    kinds
}

/// Returns the gap before a line, unless the line is in the same write as the line before, lines in between are missing, or one
/// of both lines is joined with the next one in the recording alone, or now alone.
fn gap_before(lines: &[TimedLine], at: usize) -> Option<TimedGap> {
    let (before, line) = (lines[at - 1], lines[at]);
    let is_joined_otherwise = before.is_joined_otherwise || line.is_joined_otherwise;
    let is_gap = !line.is_after_hole && !is_joined_otherwise && line.write != before.write;
    is_gap.then(|| TimedGap {
        at,
        due_ms: line.due.last_ms.saturating_sub(before.due.last_ms),
        came_ms: line.came.last_ms.saturating_sub(before.came.last_ms),
    })
}

fn is_of_kind(shorter_ms: u64, gap_ms: u64) -> bool {
    gap_ms <= shorter_ms + shorter_ms / SAME_GAP_PARTS + SAME_GAP_MS
}

/// Returns, for each line, the gap before the line without what held up the recording: a gap that is longer than a steady
/// gap by no more than `held_up` may have been held up.
fn usual_gaps(lines: &[TimedLine], held_up: Duration) -> Vec<Option<u64>> {
    let held_up_ms = whole_ms(held_up);
    let steady: Vec<u64> = kinds_of_gaps(lines).iter().filter_map(|kind| steady_gap(kind)).collect();
    let usual = (0..lines.len()).map(|at| {
        let before = lines[at.checked_sub(1)?];
        let gap_ms = lines[at].due.last_ms.saturating_sub(before.due.last_ms);
        // A gap may be a little shorter than the median.
        let is_of = |steady: &u64| (steady.saturating_sub(STEADY_MS)..=steady + held_up_ms).contains(&gap_ms);
        steady.iter().copied().filter(is_of).min()
    });
    usual.collect()
}

/// Returns the median of a kind of gaps, if the middle half of the gaps is about as long.
fn steady_gap(kind: &[TimedGap]) -> Option<u64> {
    let (last, median) = (kind.len() - 1, kind[kind.len() / 2].due_ms);
    let spread = kind[last - last / 4].due_ms - kind[last / 4].due_ms;
    (median > 0 && spread <= median / SAME_GAP_PARTS + SAME_GAP_MS).then_some(median)
}

pub(super) fn median_off(gaps: &[TimedGap]) -> i64 {
    let mut offs: Vec<i64> = gaps.iter().map(|gap| gap.off_ms()).collect();
    offs.sort_unstable();
    offs[offs.len() / 2]
}

/// Returns the first line of a kind of gaps, if three quarters of the gaps are too long, or too short.
fn wrong_pace(lines: &[TimedLine], gaps: &[TimedGap], held_up: &impl Fn(u64, u64) -> u64) -> Option<WrongTime> {
    let nearest = nearest_off(gaps);
    let due_ms = gaps[gaps.len() / 2].due_ms;
    let count = u64::try_from(gaps.len()).unwrap_or(u64::MAX);
    // Timers drift by a part of the gap, and fire some milliseconds late.
    let drift = due_ms * 4 / 100 + 10 + if gaps.len() < FEW { INEXACT_MS / count } else { 0 };
    let from_ms = gaps.iter().map(|gap| lines[gap.at - 1].came.last_ms).min().unwrap_or_default();
    let to_ms = gaps.iter().map(|gap| lines[gap.at].came.last_ms).max().unwrap_or_default();
    // A busy machine makes a server slow, and never fast.
    let lateness = usual_lateness(held_up(from_ms, to_ms), to_ms.saturating_sub(from_ms));
    let busy = if nearest > 0 { lateness } else { 0 };
    let adds_up = nearest.abs() > JITTER_MS || adds_up(lines, gaps, nearest);
    (nearest.unsigned_abs() > drift + busy && adds_up).then(|| other_pace(lines, gaps, nearest))
}

/// Returns whether most of what these gaps are off by is still there at the end: another pace adds up, and other gaps make up
/// for jitter.
fn adds_up(lines: &[TimedLine], gaps: &[TimedGap], nearest: i64) -> bool {
    let places = || gaps.iter().map(|gap| gap.at);
    let (Some(first), Some(last)) = (places().min(), places().max()) else { return false };
    let all = (first..=last).filter_map(|at| gap_before(lines, at));
    // Counts a stall as one gap with the most jitter.
    let sum: i64 = all.map(|gap| gap.off_ms().clamp(-JITTER_MS, JITTER_MS)).sum();
    let count = i64::try_from(gaps.len()).unwrap_or(i64::MAX);
    2 * sum * nearest.signum() >= nearest.abs() * count
}

/// Returns by how much the middle half of a kind of gaps is too long or too short at least: the gap that is nearest to the
/// recording decides, since machines are busy in one of the two.
pub(super) fn nearest_off(gaps: &[TimedGap]) -> i64 {
    let mut offs: Vec<i64> = gaps.iter().map(|gap| gap.off_ms()).collect();
    offs.sort_unstable();
    let last = offs.len() - 1;
    0.clamp(offs[last / 4], offs[last - last / 4])
}

/// Returns the first line of a kind of gaps, which come at another pace.
pub(super) fn other_pace(lines: &[TimedLine], gaps: &[TimedGap], nearest: i64) -> WrongTime {
    let due_ms = gaps[gaps.len() / 2].due_ms;
    let first = lines[gaps.iter().map(|gap| gap.at).min().unwrap_or_default()];
    let mut came: Vec<u64> = gaps.iter().map(|gap| gap.came_ms).collect();
    came.sort_unstable();
    let way = if nearest > 0 { "slow" } else { "fast" };
    WrongTime {
        line: first.line,
        is_early: false,
        came_ms: first.came.last_ms,
        expected: format!("{due_ms} ms since the line before, the median of {} such gaps", gaps.len()),
        actual: format!("{} ms, the median", came[came.len() / 2]),
        why: format!("the pace is too {way}"),
    }
}

/// Returns how late timers usually were in a span, of which the machine held the check up for a part.
fn usual_lateness(held_up_ms: u64, span_ms: u64) -> u64 {
    // The check sets one timer after another, and each may be late.
    let free_ms = span_ms.saturating_sub(held_up_ms).max(1);
    TIMER_MS * held_up_ms / free_ms
}

/// Returns lines of one byte each that are due and come at these times in milliseconds; the head is line 1, at 0 ms.
#[cfg(test)]
pub(super) fn timed_lines(due: &[u64], came: &[u64]) -> Vec<TimedLine> {
    let at = |ms: u64| ByteTimes { first_ms: ms, last_ms: ms };
    let times = [(0, 0)].into_iter().chain(due.iter().copied().zip(came.iter().copied()));
    let line = |(n, (due, came))| TimedLine {
        line: n + 1,
        write: n,
        due: at(due),
        came: at(came),
        series: None,
        is_after_hole: false,
        is_joined_otherwise: false,
    };
    times.enumerate().map(line).collect()
}
