//! A body as it came in chunks, cut into parts: when each part came, and where chunks end within.

use bytes::Bytes;

/// The bytes of a body, and where each chunk ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkedBody {
    pub(crate) bytes: Bytes,
    /// The end of each chunk, in bytes from the beginning of the body.
    pub(crate) chunk_ends: Vec<usize>,
}

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyPart {
    pub(crate) bytes: Bytes,
    /// The first and the last chunk with bytes of the part, by index.
    pub(crate) chunks: (usize, usize),
    /// Where chunks end within the part, in bytes from the beginning of the part, without its end.
    pub(crate) cuts: Vec<usize>,
    /// Whether a chunk begins where the part begins.
    pub(crate) begins_chunk: bool,
    /// Whether a chunk ends where the part ends.
    pub(crate) ends_chunk: bool,
}

impl ChunkedBody {
    /// Returns the body of these chunks.
    pub(crate) fn of<'c>(chunks: impl IntoIterator<Item = &'c Bytes>) -> Self {
        let (mut bytes, mut chunk_ends) = (Vec::new(), Vec::new());
        for chunk in chunks {
            bytes.extend_from_slice(chunk);
            chunk_ends.push(bytes.len());
        }
        Self { bytes: bytes.into(), chunk_ends }
    }

    /// Returns the parts up to each of these places, in ascending order, and a last part for the rest of the body.
    pub(crate) fn parts(&self, ends: &[usize]) -> Vec<BodyPart> {
        let (mut parts, mut from) = (Vec::new(), 0);
        for to in ends.iter().copied().chain([self.bytes.len()]).filter(|to| *to <= self.bytes.len()) {
            if to > from {
                parts.push(self.part(from, to));
                from = to;
            }
        }
        parts
    }

    /// Returns the part between two places.
    fn part(&self, from: usize, to: usize) -> BodyPart {
        let ends = &self.chunk_ends;
        let holder = |at: usize| ends.partition_point(|end| *end <= at);
        let (first, last) = (holder(from), holder(to - 1));
        BodyPart {
            bytes: self.bytes.slice(from..to),
            chunks: (first, last),
            cuts: ends[first..last].iter().map(|end| end - from).collect(),
            begins_chunk: from == 0 || ends[..first].last() == Some(&from),
            ends_chunk: ends[last] == to,
        }
    }
}

impl BodyPart {
    /// Returns whether the part is exactly one chunk.
    pub(crate) fn is_chunk(&self) -> bool {
        self.begins_chunk && self.ends_chunk && self.cuts.is_empty()
    }
}

/// Returns the places after each CR LF, LF, or CR.
pub(crate) fn line_ends(body: &[u8]) -> impl Iterator<Item = usize> {
    let ends = |at: usize| body[at] == b'\n' || (body[at] == b'\r' && body.get(at + 1) != Some(&b'\n'));
    (0..body.len()).filter(move |at| ends(*at)).map(|at| at + 1)
}

/// Returns whether a line has no more than a line end.
pub(crate) fn is_empty_line(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(chunks: &[&'static str], ends: &[usize]) -> Vec<BodyPart> {
        let chunks: Vec<Bytes> = chunks.iter().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect();
        ChunkedBody::of(&chunks).parts(ends)
    }

    #[test]
    fn a_part_has_the_chunks_that_its_bytes_came_in() {
        let parts = parts(&["ab", "", "c", "defg"], &[1, 4, 5, 99]);
        let told = |part: &BodyPart| (part.bytes.clone(), part.chunks, part.cuts.clone());
        let expected =
            [("a", (0, 0), vec![]), ("bcd", (0, 3), vec![1, 1, 2]), ("e", (3, 3), vec![]), ("fg", (3, 3), vec![])];
        assert_eq!(
            parts.iter().map(told).collect::<Vec<_>>(),
            expected.map(|(text, chunks, cuts)| (Bytes::from(text), chunks, cuts))
        );
        let bounds: Vec<_> = parts.iter().map(|part| (part.begins_chunk, part.ends_chunk)).collect();
        assert_eq!(bounds, [(true, false), (false, false), (false, false), (false, true)]);
    }

    #[test]
    fn a_part_is_a_chunk_only_as_a_whole() {
        let are_chunks = |chunks: &[&'static str], ends: &[usize]| -> Vec<bool> {
            parts(chunks, ends).iter().map(BodyPart::is_chunk).collect()
        };
        assert_eq!(are_chunks(&["ab", "cd"], &[2]), [true, true]);
        assert_eq!(are_chunks(&["ab", "cd"], &[]), [false]);
        assert_eq!(are_chunks(&["abcd"], &[2]), [false, false]);
        assert_eq!(are_chunks(&[], &[]), [false; 0]);
    }
}
