//! Where the values of a unit stand: the fields of an event, and the lines of data.

use std::ops::Range;

use super::body::{BodyKind, Measure};
use crate::judge::line_ends;

/// The places of the values of a unit, in bytes from the beginning of the unit.
#[derive(Clone, Debug, Default)]
pub(super) struct ValuePlaces {
    /// The fields of an event apart from the data, by name. A comment has no name.
    fields: Vec<(String, Range<usize>)>,
    /// The lines of data; the whole text of other units.
    data: Vec<Range<usize>>,
}

impl ValuePlaces {
    /// Finds the values in the bytes of a unit.
    pub(super) fn find(bytes: &[u8], kind: BodyKind, measure: Measure) -> Self {
        match kind {
            BodyKind::EventStream => Self::of_event(bytes, measure),
            BodyKind::Lines => {
                let ends = bytes.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                Self::of_text(&bytes[..bytes.len() - ends])
            }
            BodyKind::Whole | BodyKind::Pieces => Self::of_text(bytes),
        }
    }

    /// Returns the place of a text that is all data.
    pub(super) fn of_text(text: &[u8]) -> Self {
        Self { fields: Vec::new(), data: std::iter::once(0..text.len()).collect() }
    }

    fn of_event(bytes: &[u8], measure: Measure) -> Self {
        let (mut places, mut from) = (Self::default(), 0);
        for to in line_ends(bytes).chain([bytes.len()]) {
            let start = std::mem::replace(&mut from, to);
            let line = &bytes[start..to];
            let content = &line[..line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len())];
            if content.is_empty() {
                continue;
            }
            let colon = memchr::memchr(b':', content).unwrap_or(content.len());
            let behind = (colon + 1).min(content.len());
            let value = start + behind + usize::from(content.get(behind) == Some(&b' '));
            match &content[..colon] {
                // Takes all the rest for data where the unit is a dispatched event, with the data as a whole at the end.
                b"data" if measure == Measure::Events => {
                    places.data.push(value..bytes.len());
                    break;
                }
                b"data" => places.data.push(value..start + content.len()),
                name => places.fields.push((String::from_utf8_lossy(name).into_owned(), value..start + content.len())),
            }
        }
        places
    }

    /// Returns each field apart from the data: the name, and the place of the value.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.fields.iter().map(|(name, at)| (name.as_str(), at.clone()))
    }

    /// Returns the text without the values: names of fields, spaces and line ends.
    pub(super) fn between(&self, text: &str) -> String {
        let mut places: Vec<&Range<usize>> = self.fields.iter().map(|(_, at)| at).chain(&self.data).collect();
        places.sort_unstable_by_key(|at| at.start);
        let (mut between, mut from) = (String::with_capacity(text.len()), 0);
        for at in places {
            between += &text[from..at.start];
            from = at.end;
        }
        between + &text[from..]
    }

    /// Returns the places of the fields of a name.
    pub(super) fn fields_of(&self, name: &str) -> impl Iterator<Item = Range<usize>> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, at)| at.clone())
    }

    /// Returns the number of lines of data.
    pub(super) fn data_count(&self) -> usize {
        self.data.len()
    }

    /// Returns the place from the first line of data to the last of so many lines.
    pub(super) fn data_lines(&self, count: usize) -> Option<Range<usize>> {
        let lines = &self.data[..self.data.len().min(count)];
        let (first, last) = (lines.first()?, lines.last()?);
        Some(first.start..last.end)
    }

    /// Returns the data as parsers join the lines, if the data is UTF-8.
    pub(super) fn data_text(&self, bytes: &[u8]) -> Option<String> {
        self.text_of_lines(bytes, self.data.len())
    }

    /// Returns the text of so many lines of data.
    pub(super) fn text_of_lines(&self, bytes: &[u8], count: usize) -> Option<String> {
        let lines: Result<Vec<&str>, _> =
            self.data.iter().take(count).map(|at| std::str::from_utf8(&bytes[at.clone()])).collect();
        Some(lines.ok()?.join("\n"))
    }

    /// Returns the place in the bytes of a place in the text of the data.
    pub(super) fn in_bytes(&self, at: &Range<usize>) -> Range<usize> {
        let place = |mut offset: usize| {
            for line in &self.data {
                if offset <= line.len() {
                    return line.start + offset;
                }
                // Passes over the line end between two lines of data.
                offset -= line.len() + 1;
            }
            self.data.last().map_or(0, |line| line.end)
        };
        place(at.start)..place(at.end)
    }
}
