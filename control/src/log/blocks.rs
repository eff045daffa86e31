//! The text of a log, in blocks of one size, so that the memory is known to the byte.

use std::io::{self, Write};

use bytes::Bytes;

/// The size of a block.
const BLOCK_BYTES: usize = 64 * 1024;

/// A text that grows up to a bound.
#[derive(Debug)]
pub(super) struct Blocks {
    bytes_max: usize,
    full: Vec<Bytes>,
    open: Vec<u8>,
}

impl Blocks {
    /// Returns an empty text for at most so many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, full: Vec::new(), open: Vec::new() }
    }

    /// Returns the length of the text.
    pub(super) fn len(&self) -> usize {
        self.full.len() * BLOCK_BYTES + self.open.len()
    }

    /// Cuts the text to this length.
    pub(super) fn truncate(&mut self, length: usize) {
        let blocks = length / BLOCK_BYTES;
        // Opens a full block again if the cut lies there.
        if let Some(block) = self.full.get(blocks) {
            self.open = Vec::with_capacity(BLOCK_BYTES);
            self.open.extend_from_slice(block);
            self.full.truncate(blocks);
        }
        self.open.truncate(length % BLOCK_BYTES);
    }

    /// Returns the text from `start` to the end of a block, but at most to `end`, and at most so many bytes. The bytes of a
    /// full block are not copied.
    pub(super) fn piece(&self, start: usize, end: usize, bytes_max: usize) -> Bytes {
        let (block, from) = (start / BLOCK_BYTES, start % BLOCK_BYTES);
        let to = BLOCK_BYTES.min(from + (end - start).min(bytes_max));
        match self.full.get(block) {
            Some(block) => block.slice(from..to),
            None => Bytes::copy_from_slice(&self.open[from..to]),
        }
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Takes no byte beyond the bound: `write_all` then fails, and the log counts the line as dropped.
        let room = (BLOCK_BYTES - self.open.len()).min(self.bytes_max - self.len());
        let taken = room.min(bytes.len());
        // Reserves a whole block at once, so that the vector never grows.
        if taken > 0 && self.open.capacity() == 0 {
            self.open.reserve_exact(BLOCK_BYTES);
        }
        self.open.extend_from_slice(&bytes[..taken]);
        if self.open.len() == BLOCK_BYTES {
            self.full.push(std::mem::take(&mut self.open).into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: usize = 5 * BLOCK_BYTES / 2;

    fn text(blocks: &Blocks) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < blocks.len() {
            let piece = blocks.piece(text.len(), blocks.len(), 1000);
            assert!((1..=1000).contains(&piece.len()));
            text.extend_from_slice(&piece);
        }
        text
    }

    #[test]
    fn a_text_is_read_as_it_was_written_and_no_longer_than_its_bound() {
        let mut blocks = Blocks::new(BYTES_MAX);
        let all: Vec<u8> = (0_u32..).flat_map(u32::to_le_bytes).take(BYTES_MAX).collect();
        all.chunks(777).for_each(|bytes| blocks.write_all(bytes).expect("there is room"));
        assert_eq!(text(&blocks), all);
        assert!(blocks.write_all(b"x").is_err());
        for length in [BYTES_MAX, BYTES_MAX - 1, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES - 1, BLOCK_BYTES, 5, 0] {
            blocks.truncate(length);
            assert!(text(&blocks) == all[..length], "{length}");
            blocks.write_all(&all[length..]).expect("there is room again");
            assert!(text(&blocks) == all, "{length}");
        }
    }
}
