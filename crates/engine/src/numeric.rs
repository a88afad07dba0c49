//! The few special functions that detection needs, in single precision.
//!
//! Accuracy is a few parts in a million, which is far below what the bets can distinguish.

/// e to the x, to seven digits, in a few operations that a compiler can do on many numbers at once.
#[must_use]
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding this rounds to a whole number, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let y = x * core::f32::consts::LOG2_E;
    let y = if y < -126.0 { -126.0 } else { y };
    let y = if y > 126.0 { 126.0 } else { y };
    let rounded = y + ROUND;
    let whole = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    let f = (y - (rounded - ROUND)) * core::f32::consts::LN_2;
    let poly =
        1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    poly * f32::from_bits(whole.wrapping_add(127) << 23)
}

/// Natural logarithm of a positive normal number, to seven digits; see [`exp`].
#[must_use]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "an exponent has eight bits")]
#[inline(always)]
pub(crate) const fn ln(x: f32) -> f32 {
    // Mantissa between sqrt(1/2) and sqrt(2).
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(SQRT_HALF_BITS));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let t = s * s;
    let series = 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (0.2 + t * (1.0 / 7.0 + t / 9.0))));
    exponent as f32 * core::f32::consts::LN_2 + series
}

/// Logarithm to the base of two; see [`ln`].
#[must_use]
#[inline(always)]
pub(crate) const fn log2(x: f32) -> f32 {
    ln(x) * core::f32::consts::LOG2_E
}

/// Distribution function of the standard normal.
#[must_use]
#[inline(always)]
pub(crate) fn normal_cdf(z: f32) -> f32 {
    // Abramowitz and Stegun 7.1.26, absolute error 1.5e-7.
    const SQRT_HALF: f32 = core::f32::consts::FRAC_1_SQRT_2;
    let x = (z * SQRT_HALF).abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152_1 + t * 1.061_405_4))));
    let tail = 0.5 * poly * exp(-x * x);
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// What one bet adds to the wealth, in bits, when the event happened: `f` is the share the bettor expects, `d`
/// the chance under the null.
#[must_use]
#[inline(always)]
pub(crate) fn won_bits(f: f32, d: f32) -> f32 {
    log2(f / d)
}

/// ... and when it did not happen.
#[must_use]
#[inline(always)]
pub(crate) fn lost_bits(f: f32, d: f32) -> f32 {
    log2((1.0 - f) / (1.0 - d))
}

/// Expected growth of the wealth per bet, in bits.
#[must_use]
#[inline(always)]
pub(crate) fn growth_bits(f: f32, d: f32) -> f32 {
    f * won_bits(f, d) + (1.0 - f) * lost_bits(f, d)
}

/// A size on a logarithmic scale: eight classes an octave, of which the first has its middle at a power of two. Zero and
/// one byte are class 0.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "at most 512 for any u64")]
#[expect(clippy::cast_precision_loss, reason = "an eighth of an octave needs no more than f32 has")]
pub(crate) fn size_class(bytes: u64) -> i16 {
    // The fractions of 2^(1/16), 2^(3/16), ... 2^(15/16), where classes meet.
    const BORDERS: [u32; 8] =
        [0x5_aac3, 0x11_c3d3, 0x1e_f532, 0x2d_583f, 0x3d_08a4, 0x4e_248c, 0x60_ccdf, 0x75_257d];
    let bits = (bytes.max(1) as f32).to_bits();
    let (octave, fraction) = ((bits >> 23) - 127, bits & 0x7f_ffff);
    let within: u32 = BORDERS.iter().map(|border| u32::from(fraction > *border)).sum();
    (8 * octave + within) as i16
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
    fn exp_and_ln_are_right_to_six_digits() {
        for x in [-80.0_f32, -3.3, -0.5, -1e-4, 0.0, 0.3, 1.0, 12.0] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 3e-6, "exp {x}");
        }
        for x in [1e-3_f32, 0.3, 0.7, 0.71, 1.0, 1.41, 1.42, 60.0, 86_400.0] {
            assert!((ln(x) - x.ln()).abs() < 3e-6 * x.ln().abs().max(1.0), "ln {x}");
        }
    }

    #[test]
    fn a_size_class_is_an_eighth_of_an_octave() {
        assert_eq!(size_class(1024), 80);
        assert_eq!(class_size(80), 1024);
        assert_eq!(size_class(0), 0);
        assert_eq!(size_class(u64::MAX), 512);
        for bytes in 1..100_000_u64 {
            assert_eq!(size_class(bytes), ((bytes as f64).log2() * 8.0).round() as i16, "{bytes} bytes");
        }
    }
}
