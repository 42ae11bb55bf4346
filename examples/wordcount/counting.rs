//! Counts bytes, lines and words of a part of a text.

use std::ops::Range;

/// Where each count goes.
pub(crate) const BYTES: usize = 0;
pub(crate) const LINES: usize = 1;
pub(crate) const WORDS: usize = 2;
/// How many there are.
pub(crate) const COUNTS: usize = 3;

/// Counts `part` of `text`, with `add(which, how many)` at each word, and at each line for its bytes.
///
/// A line is its newline; a word is a run of bytes that are not ASCII whitespace, as long as it can be.
/// Each belongs to the part in which the newline is, or the word begins. So parts that cover a text
/// count as much as the text, wherever they are cut.
pub(crate) fn count(text: &[u8], part: Range<usize>, mut add: impl FnMut(usize, u64)) {
    let mut in_word = part.start > 0 && !text[part.start - 1].is_ascii_whitespace();
    let mut bytes = 0;
    for byte in &text[part] {
        bytes += 1;
        let space = byte.is_ascii_whitespace();
        if !space && !in_word {
            add(WORDS, 1);
        }
        in_word = !space;
        if *byte == b'\n' {
            add(LINES, 1);
            add(BYTES, std::mem::take(&mut bytes));
        }
    }
    add(BYTES, bytes);
}

/// The same counts the plain way: on one thread, with what std offers.
pub(crate) fn count_plainly(text: &[u8]) -> [u64; COUNTS] {
    let mut counts = [0; COUNTS];
    counts[BYTES] = text.len() as u64;
    counts[LINES] = text.iter().map(|byte| u64::from(*byte == b'\n')).sum();
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    counts[WORDS] = words.count() as u64;
    counts
}

/// Part `index` of `parts` of about the same length, which cover `length` bytes.
pub(crate) fn part(length: usize, parts: usize, index: usize) -> Range<usize> {
    // The first `longer` parts are longer by one. No product that could overflow.
    let (least, longer) = (length / parts, length % parts);
    let start = index * least + index.min(longer);
    start..start + least + usize::from(index < longer)
}
