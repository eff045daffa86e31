//! Shortens long texts for people: the beginning and the end.

/// Returns at most `lines_max` lines of a text, without the middle, each of at most 160 characters.
pub(crate) fn excerpt(text: &str, lines_max: usize) -> String {
    const WIDTH: usize = 160;
    let clip = |line: &&str| match line.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…\n", &line[..at]),
        None => format!("{line}\n"),
    };
    let lines: Vec<&str> = text.lines().collect();
    let left_out = lines.len().saturating_sub(lines_max);
    let (start, end) = (lines.iter().take(lines_max / 2), lines.iter().skip(lines_max / 2 + left_out));
    let gap = (left_out > 0).then(|| format!("           … {left_out} lines more …\n"));
    let lines = start.map(clip).chain(gap).chain(end.map(clip));
    lines.collect::<String>().trim_end().to_owned()
}
