//! Median, minimum and maximum of repeated measurements, and ratios of them.

use std::fmt;

/// The middle of some samples, and how far apart they were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle sample, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of `samples`, in any order.
    ///
    /// # Panics
    ///
    /// Without samples, or if one is not a number.
    #[track_caller]
    pub fn of(samples: &[f64]) -> Self {
        assert!(!samples.is_empty(), "a spread of no samples");
        assert!(samples.iter().all(|sample| !sample.is_nan()), "a sample that is not a number");
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (lower, upper) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Self { median: f64::midpoint(lower, upper), min: sorted[0], max: sorted[sorted.len() - 1] }
    }

    /// The spread of `above[i] / below[i]`.
    ///
    /// For samples taken side by side, round by round: what slows a round down slows both of its
    /// samples, and falls out of their ratio.
    ///
    /// # Panics
    ///
    /// Without samples, with more of one than of the other, or if one is not a number.
    #[track_caller]
    pub fn of_ratios(above: &[f64], below: &[f64]) -> Self {
        assert_eq!(above.len(), below.len(), "samples without a partner");
        let ratios: Vec<_> = above.iter().zip(below).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }

    /// The ratio of the medians, between the least and the most that the two spreads allow.
    ///
    /// For samples that were not taken side by side; wider than [`of_ratios`](Self::of_ratios).
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        Self {
            median: self.median / below.median,
            min: self.min / below.max,
            max: self.max / below.min,
        }
    }

    /// Each figure times `factor`, for another unit.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self { median: self.median * factor, min: self.min * factor, max: self.max * factor }
    }
}

/// "2.2 (2.1–2.4)"; with `{:#}`, the median alone.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digits(self.median))?;
        if f.alternate() {
            return Ok(());
        }
        write!(f, " ({}–{})", digits(self.min), digits(self.max))
    }
}

/// As many digits as a measurement deserves: two, and all before the point, with commas.
///
/// "0.034", "0.68", "2.2", "22", "1,234".
#[expect(clippy::cast_possible_truncation, reason = "rounded, and below 9e15")]
pub fn digits(value: f64) -> String {
    let size = value.abs();
    if !size.is_finite() || size >= 9e15 {
        return format!("{value:.1e}");
    }
    // Thresholds lie where rounding to fewer digits would carry into the next place: 9.96 is "10".
    match size {
        0.0 => "0".to_owned(),
        _ if size < 0.000_95 => format!("{value:.1e}"),
        _ if size < 0.009_95 => format!("{value:.4}"),
        _ if size < 0.099_5 => format!("{value:.3}"),
        _ if size < 0.995 => format!("{value:.2}"),
        _ if size < 9.95 => format!("{value:.1}"),
        _ => commas(value.round() as i64),
    }
}

fn commas(value: i64) -> String {
    let plain = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What ratios are in the mean: as much above as below, whichever of two is divided by the other. 1 if there are none.
#[must_use]
pub fn geometric_mean(ratios: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "some rows")]
    let count = ratios.len().max(1) as f64;
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / count).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_samples() {
        let odd = Spread::of(&[5.0, 1.0, 3.0]);
        assert_eq!(odd, Spread { median: 3.0, min: 1.0, max: 5.0 });
        let even = Spread::of(&[4.0, 1.0, 2.0, 8.0]);
        assert_eq!(even, Spread { median: 3.0, min: 1.0, max: 8.0 });
        let one = Spread::of(&[7.0]);
        assert_eq!(one, Spread { median: 7.0, min: 7.0, max: 7.0 });
    }

    #[test]
    fn twice_and_half_as_much_is_as_much_in_the_mean() {
        assert!((geometric_mean(&[2.0, 0.5, 1.0]) - 1.0).abs() < 1e-12);
        assert!((geometric_mean(&[4.0, 9.0]) - 6.0).abs() < 1e-12);
        assert!((geometric_mean(&[]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn ratios_of_rounds_forget_a_slow_round() {
        let (peer, ours) = ([20.0, 60.0, 22.0], [10.0, 30.0, 11.0]);
        assert_eq!(Spread::of_ratios(&peer, &ours), Spread { median: 2.0, min: 2.0, max: 2.0 });
        let apart = Spread::of(&peer).over(&Spread::of(&ours));
        assert_eq!(apart, Spread { median: 2.0, min: 20.0 / 30.0, max: 6.0 });
    }

    #[test]
    #[should_panic(expected = "no samples")]
    fn no_samples() {
        Spread::of(&[]);
    }

    #[test]
    #[should_panic(expected = "not a number")]
    fn not_a_number() {
        Spread::of(&[1.0, f64::NAN]);
    }

    #[test]
    fn sensible_digits() {
        let shown = [
            (0.0, "0"),
            (0.000_01, "1.0e-5"),
            (0.001_23, "0.0012"),
            (0.034_4, "0.034"),
            (0.682, "0.68"),
            (0.998, "1.0"),
            (2.24, "2.2"),
            (9.96, "10"),
            (22.4, "22"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in shown {
            assert_eq!(digits(value), text, "{value}");
        }
        let spread = Spread { median: 2.24, min: 2.06, max: 11.0 };
        assert_eq!(spread.to_string(), "2.2 (2.1–11)");
        assert_eq!(format!("{spread:#}"), "2.2");
        assert_eq!(spread.scaled(10.0).to_string(), "22 (21–110)");
    }
}
