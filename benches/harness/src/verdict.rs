//! Whether a measurement allows a sentence, and which.
//!
//! A ratio is easy to compute and easy to get wrong: threads that never run at the same time share
//! nothing, so on a loaded machine every layout costs the same and padding seems to save nothing. The
//! decision is a function of the samples alone, so it is tested without a machine.

use crate::stats::{Spread, digits};
use std::fmt;

/// Threads must run at the same time for this share of a sample.
pub const TOGETHER: f64 = 0.9;
/// The first case, measured again at the end, may differ by this much.
pub const DRIFT: f64 = 0.1;

/// What the sentence rests on. Samples are times per operation.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// With both words in one line.
    pub packed: &'a [f64],
    /// With each word in a line of its own.
    pub padded: &'a [f64],
    /// The first case of the run,
    pub first: &'a [f64],
    /// and the same again, at its end.
    pub again: &'a [f64],
    /// The share of time for which the threads of these cases ran together, at its lowest.
    pub together: f64,
    /// How many cores we may use.
    pub cores: usize,
    /// Whether every thread was pinned to its core.
    pub pinned: bool,
}

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The packed case takes so many times what the padded one takes: the ratio of the medians, and
    /// where 80 % of the ratios of single samples lie.
    Saves(Spread),
    /// Nothing, and why.
    Inconclusive(Reason),
}

/// Why nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Two threads on one core never share a line at the same time.
    OneCore,
    /// A case was not measured, left out by a filter.
    NotMeasured,
    /// The system refused to keep threads on their cores.
    NotPinned,
    /// The threads ran together for this share of the time only.
    Apart(f64),
    /// The first case, repeated at the end, differed by this part.
    Drift(f64),
}

/// Decides. The first reason that applies is the one given, the most fundamental first.
pub fn verdict(evidence: &Evidence<'_>) -> Verdict {
    let Evidence { packed, padded, first, again, together, cores, pinned } = *evidence;
    let usable = |samples: &[f64]| {
        !samples.is_empty() && samples.iter().all(|time| time.is_finite() && *time > 0.0)
    };
    if cores < 2 {
        return Verdict::Inconclusive(Reason::OneCore);
    }
    if ![packed, padded, first, again].into_iter().all(usable) {
        return Verdict::Inconclusive(Reason::NotMeasured);
    }
    if !pinned {
        return Verdict::Inconclusive(Reason::NotPinned);
    }
    if together.is_nan() || together < TOGETHER {
        return Verdict::Inconclusive(Reason::Apart(together));
    }
    let (first, again) = (Spread::of(first).median, Spread::of(again).median);
    let drift = first.max(again) / first.min(again) - 1.0;
    if drift > DRIFT {
        return Verdict::Inconclusive(Reason::Drift(drift));
    }
    Verdict::Saves(ratio(packed, padded))
}

/// The ratio of the medians, and the range from the 10th to the 90th percentile of the ratios of each
/// sample of one to each of the other: a single disturbed sample does not widen it.
fn ratio(above: &[f64], below: &[f64]) -> Spread {
    let mut ratios: Vec<f64> =
        above.iter().flat_map(|a| below.iter().map(move |b| a / b)).collect();
    ratios.sort_by(f64::total_cmp);
    let last = ratios.len() - 1;
    let median = Spread::of(above).median / Spread::of(below).median;
    Spread { median, min: ratios[last / 10], max: ratios[last - last / 10] }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saves(Spread { median, min, max }) => {
                let (ratio, low, high) = (digits(*median), digits(*min), digits(*max));
                if *min <= 1.0 && *max >= 1.0 {
                    return write!(f, "padding makes no difference here: {ratio}× ({low}–{high})");
                }
                if *max < 1.0 {
                    return write!(f, "padding saves nothing here: {ratio}× ({low}–{high})");
                }
                write!(f, "padding saves {ratio}× here ({low}–{high})")
            }
            Self::Inconclusive(reason) => write!(f, "inconclusive: {reason}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneCore => f.write_str("there is one core, and nobody to share a line with"),
            Self::NotMeasured => f.write_str("a case that the verdict needs was not measured"),
            Self::NotPinned => f.write_str("the system refused to keep threads on their cores"),
            Self::Apart(share) => write!(
                f,
                "the two threads ran together for {:.0} % of the time, less than {:.0} % (is the machine loaded?)",
                // Rounded down: 89.7 is not "90, less than 90".
                (share * 100.0).floor(),
                TOGETHER * 100.0
            ),
            Self::Drift(part) => write!(
                f,
                "the first case, repeated at the end, differed by {:.0} %, more than {:.0} % (is the machine loaded?)",
                (part * 100.0).ceil(),
                DRIFT * 100.0
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Evidence<'static> = Evidence {
        packed: &[39.0, 40.0, 41.0],
        padded: &[5.0, 5.0, 5.1],
        first: &[5.0, 5.0, 5.1],
        again: &[5.2, 5.3, 5.4],
        together: 0.98,
        cores: 2,
        pinned: true,
    };

    fn reason(evidence: &Evidence<'_>) -> Reason {
        match verdict(evidence) {
            Verdict::Inconclusive(reason) => reason,
            Verdict::Saves(ratio) => panic!("a verdict, {ratio}"),
        }
    }

    #[test]
    fn a_clean_run_has_a_ratio_with_its_spread() {
        let Verdict::Saves(ratio) = verdict(&GOOD) else { panic!("{}", verdict(&GOOD)) };
        assert!((ratio.median - 8.0).abs() < 1e-9, "{ratio:?}");
        assert!(ratio.min < ratio.median && ratio.median < ratio.max, "{ratio:?}");
        assert_eq!(verdict(&GOOD).to_string(), "padding saves 8.0× here (7.6–8.2)");
    }

    #[test]
    fn each_fault_is_named() {
        assert_eq!(reason(&Evidence { cores: 1, ..GOOD }), Reason::OneCore);
        assert_eq!(reason(&Evidence { pinned: false, ..GOOD }), Reason::NotPinned);
        assert_eq!(reason(&Evidence { together: 0.89, ..GOOD }), Reason::Apart(0.89));
        assert!(matches!(reason(&Evidence { together: f64::NAN, ..GOOD }), Reason::Apart(_)));
        for missing in [&[][..], &[0.0], &[f64::NAN], &[1.0, f64::INFINITY]] {
            assert_eq!(reason(&Evidence { packed: missing, ..GOOD }), Reason::NotMeasured);
            assert_eq!(reason(&Evidence { padded: missing, ..GOOD }), Reason::NotMeasured);
            assert_eq!(reason(&Evidence { first: missing, ..GOOD }), Reason::NotMeasured);
            assert_eq!(reason(&Evidence { again: missing, ..GOOD }), Reason::NotMeasured);
        }
    }

    #[test]
    fn drift_counts_in_both_directions_from_a_tenth() {
        let again = |time: f64| verdict(&Evidence { first: &[10.0], again: &[time], ..GOOD });
        assert!(matches!(again(10.9), Verdict::Saves(_)));
        assert!(matches!(again(9.2), Verdict::Saves(_)));
        assert!(matches!(again(11.1), Verdict::Inconclusive(Reason::Drift(_))));
        assert!(matches!(again(9.0), Verdict::Inconclusive(Reason::Drift(_))));
    }

    #[test]
    fn exactly_at_the_limit_is_together() {
        assert!(matches!(verdict(&Evidence { together: TOGETHER, ..GOOD }), Verdict::Saves(_)));
    }

    #[test]
    fn the_most_fundamental_reason_comes_first() {
        let all = Evidence { cores: 1, pinned: false, together: 0.0, packed: &[], ..GOOD };
        assert_eq!(reason(&all), Reason::OneCore);
        assert_eq!(reason(&Evidence { cores: 2, ..all }), Reason::NotMeasured);
        assert_eq!(reason(&Evidence { cores: 2, packed: &[1.0], ..all }), Reason::NotPinned);
    }

    #[test]
    fn no_saving_is_not_called_one() {
        let same = Evidence { packed: &[4.9, 5.0, 5.2], ..GOOD };
        assert!(verdict(&same).to_string().starts_with("padding makes no difference here: 1.0×"));
        let worse = Evidence { packed: &[4.0, 4.1, 4.0], ..GOOD };
        assert!(verdict(&worse).to_string().starts_with("padding saves nothing here: 0.80×"));
    }

    #[test]
    fn one_disturbed_sample_does_not_widen_the_range() {
        let mut packed = [40.0; 20];
        packed[7] = 400.0;
        let Spread { min, max, .. } = ratio(&packed, &[5.0; 20]);
        assert!((min - 8.0).abs() < 1e-9 && (max - 8.0).abs() < 1e-9, "{min} {max}");
    }

    #[test]
    fn sentences_read_well() {
        let sentence = |reason| Verdict::Inconclusive(reason).to_string();
        assert!(sentence(Reason::Apart(0.897)).contains("for 89 % of the time, less than 90 %"));
        assert!(sentence(Reason::Drift(0.101)).contains("differed by 11 %, more than 10 %"));
        assert!(sentence(Reason::OneCore).starts_with("inconclusive: there is one core"));
    }
}
