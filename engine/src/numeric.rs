//! The few special functions that detection needs, in single precision.
//!
//! Accuracy is a few parts in a million, which is far below what the bets can tell apart.

/// Distribution function of the standard normal.
#[must_use]
pub(crate) fn normal_cdf(z: f32) -> f32 {
    // Abramowitz and Stegun 7.1.26, absolute error 1.5e-7.
    const SQRT_HALF: f32 = core::f32::consts::FRAC_1_SQRT_2;
    let x = (z * SQRT_HALF).abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152_1 + t * 1.061_405_4))));
    let tail = 0.5 * poly * (-x * x).exp();
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// What one bet adds to the wealth, in bits, when the event happened: `f` is the share the bettor expects, `d`
/// the chance under the null.
#[must_use]
pub(crate) fn won_bits(f: f32, d: f32) -> f32 {
    (f / d).log2()
}

/// ... and when it did not happen.
#[must_use]
pub(crate) fn lost_bits(f: f32, d: f32) -> f32 {
    ((1.0 - f) / (1.0 - d)).log2()
}

/// Expected growth of the wealth per bet, in bits.
#[must_use]
pub(crate) fn growth_bits(f: f32, d: f32) -> f32 {
    f * won_bits(f, d) + (1.0 - f) * lost_bits(f, d)
}

/// A size on a logarithmic scale: eight classes an octave. Zero and one byte are class 0.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "at most 512 for any u64")]
#[expect(clippy::cast_precision_loss, reason = "an eighth of an octave needs no more than f32 has")]
pub(crate) fn size_class(bytes: u64) -> i16 {
    ((bytes.max(1) as f32).log2() * 8.0 + 0.5) as i16
}

/// The size in the middle of a class.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
pub(crate) fn class_size(class: i16) -> u64 {
    if class <= 0 { 0 } else { (f32::from(class) / 8.0).exp2().round() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_cdf_is_right_to_six_digits() {
        for (z, expected) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.96, 0.024_997_9), (4.0, 0.999_968_3)] {
            assert!((normal_cdf(z) - expected).abs() < 1e-6, "z = {z}");
        }
    }

    #[test]
    fn a_size_class_is_an_eighth_of_an_octave() {
        assert_eq!(size_class(1024), 80);
        assert_eq!(class_size(80), 1024);
        assert_eq!(size_class(0), 0);
        assert_eq!(size_class(u64::MAX), 512);
    }
}
