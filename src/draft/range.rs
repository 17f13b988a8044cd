//! Guesses the range of a scorer from the scores that it gave.

/// The range that scores on a usual scale seem to come from: 0 to 1, 1 to 5, 0 to 10 or 0 to 100. `None` if the scores
/// fit no such scale, or could come from several.
pub(super) fn likely(scores: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut ends: Option<(f64, f64)> = None;
    let mut are_whole = true;
    for score in scores {
        let (low, high) = ends.unwrap_or((score, score));
        ends = Some((low.min(score), high.max(score)));
        are_whole &= score.fract() == 0.0;
    }
    let (low, high) = ends?;
    // Scores that are all 0 may be counts, of which others are larger. So may scores in the lower half of a long scale.
    let lies_in =
        |(least, above, most): (f64, f64, f64)| low >= least && high > above && high <= most;
    let scales = [
        ((0.0, 0.0, 1.0), true),
        ((1.0, 1.0, 5.0), are_whole),
        ((0.0, 5.0, 10.0), true),
        ((0.0, 50.0, 100.0), true),
    ];
    let fitting = scales
        .into_iter()
        .find(|(scale, fits)| *fits && lies_in(*scale));
    fitting.map(|((least, _, most), _)| (least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_scales_are_guessed_and_no_others() {
        for (scores, range) in [
            (&[0.25, 1.0][..], Some((0.0, 1.0))),
            (&[1.0], Some((0.0, 1.0))),
            (&[1.0, 3.0, 5.0], Some((1.0, 5.0))),
            (&[2.0, 4.0], Some((1.0, 5.0))),
            (&[2.5, 4.0], None),
            (&[0.0, 4.0], None),
            (&[2.5, 9.0], Some((0.0, 10.0))),
            (&[0.0, 72.0], Some((0.0, 100.0))),
            (&[12.0, 30.0], None),
            (&[0.0, 0.0], None),
            (&[-0.5, 0.5], None),
            (&[50.0, 100.5], None),
            (&[f64::INFINITY], None),
            (&[], None),
        ] {
            assert_eq!(likely(scores.iter().copied()), range, "{scores:?}");
        }
    }
}
