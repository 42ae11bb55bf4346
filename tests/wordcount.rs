//! The word count of `examples/wordcount` counts the same wherever the text is cut.

#![cfg(target_has_atomic = "64")]

#[path = "../examples/wordcount/counting.rs"]
mod counting;

use counting::{BYTES, COUNTS, LINES, WORDS, count, count_plainly, part};
use lockline::CounterSet;
use proptest::{collection::vec, prelude::*, sample::Index};
use std::ops::Range;

/// Counts each part on a thread of its own.
fn on_threads(text: &[u8], parts: impl Iterator<Item = Range<usize>>) -> [u64; COUNTS] {
    let counted = CounterSet::<COUNTS>::new();
    std::thread::scope(|scope| {
        for part in parts {
            let counted = &counted;
            scope.spawn(move || count(text, part, |which, n| counted.add(which, n)));
        }
    });
    counted.sums()
}

/// Words, spaces of each kind, what only looks like a space, and halves of characters.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => prop::sample::select(&b"abc-"[..]),
        4 => prop::sample::select(&b" \n\t\r\x0c"[..]),
        1 => prop::sample::select(&b"\x0b\0\xc2\xa0\x85"[..]),
        1 => any::<u8>(),
    ]
}

proptest! {
    #[test]
    fn any_cut_counts_as_the_whole(text in vec(byte(), 0..200), cuts in vec(any::<Index>(), 0..6)) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|ends| ends[0]..ends[1]);
        prop_assert_eq!(on_threads(&text, parts), count_plainly(&text));
    }

    #[test]
    fn text_has_the_words_that_std_finds(text in "[ab \t\r\n\u{c}é\u{a0}]{0,60}") {
        let counted = on_threads(text.as_bytes(), std::iter::once(0..text.len()));
        prop_assert_eq!(counted[WORDS], text.split_ascii_whitespace().count() as u64);
        prop_assert_eq!(counted[LINES], text.matches('\n').count() as u64);
        prop_assert_eq!(counted[BYTES], text.len() as u64);
    }

    #[test]
    fn parts_cover_a_text_without_overlap(length in 0_usize..100, parts in 1_usize..9) {
        let mut end = 0;
        for index in 0..parts {
            let part = part(length, parts, index);
            prop_assert_eq!(part.start, end);
            prop_assert!(part.len() - length / parts <= 1);
            end = part.end;
        }
        prop_assert_eq!(end, length);
    }
}

#[test]
fn a_word_across_a_cut_counts_once() {
    let text = b"one two\nthree";
    for cut in 0..=text.len() {
        assert_eq!(on_threads(text, [0..cut, cut..text.len()].into_iter()), [13, 1, 3], "{cut}");
    }
}

#[test]
fn an_empty_text_has_nothing() {
    assert_eq!(on_threads(b"", std::iter::once(0..0)), [0; COUNTS]);
    assert_eq!(count_plainly(b""), [0; COUNTS]);
}
