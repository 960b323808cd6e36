//! Kubernetes quantities (`500m`, `1.5Gi`, `1e3`) as numbers.
//!
//! Ours because exactness decides whether a child is written again: the crate `kube_quantity` reads a quantity through a
//! floating-point number, and takes `Gi` alone for zero.

/// A quantity in thousandths of a nano-unit is finer than any that Kubernetes keeps; compared in nano-units.
const NANO: i128 = 1_000_000_000;

/// The quantity in billionths of its unit (`1m` is 1,000,000), rounded up as the API server does, or `None` if the
/// text is no quantity or too large for one.
///
/// ```
/// use carrel_runtime::quantity::nanos;
/// assert_eq!(nanos("0.5"), nanos("500m"));
/// assert_eq!(nanos("1Gi"), nanos("1024Mi"));
/// assert_eq!(nanos("plenty"), None);
/// ```
pub fn nanos(text: &str) -> Option<i128> {
    let text = text.trim();
    let digits_end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*at == 0 && matches!(c, '+' | '-'))))
        .map_or(text.len(), |(at, _)| at);
    let (number, suffix) = text.split_at(digits_end);
    let (numerator, denominator) = scale(suffix)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let negative = whole.starts_with('-');
    let whole = whole.trim_start_matches(['+', '-']);
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(denominator)?;
    let scaled = digits.checked_mul(numerator)?;
    let rounded = scaled / divisor + i128::from(scaled % divisor != 0);
    Some(if negative { -rounded } else { rounded })
}

/// A quantity of billionths as people write it: `500m`, `2`, `3Gi`.
///
/// ```
/// use carrel_runtime::quantity::{nanos, text};
/// assert_eq!(nanos("1536Mi").map(text).as_deref(), Some("1536Mi"));
/// assert_eq!(nanos("0.5").map(text).as_deref(), Some("500m"));
/// ```
pub fn text(nanos: i128) -> String {
    if nanos % NANO != 0 {
        // Rounded up, as Kubernetes does.
        let milli = NANO / 1000;
        return format!("{}m", nanos / milli + i128::from(nanos % milli > 0));
    }
    let whole = nanos / NANO;
    let binary = [("Ti", 40), ("Gi", 30), ("Mi", 20)];
    let fits = binary.into_iter().find(|(_, power)| whole != 0 && whole % (1_i128 << power) == 0);
    fits.map_or_else(|| whole.to_string(), |(suffix, power)| format!("{}{suffix}", whole >> power))
}

/// What a suffix multiplies by, times [`NANO`], as a fraction.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let power = |base: i128, exponent: u32| base.checked_pow(exponent)?.checked_mul(NANO);
    let whole = match suffix {
        "" => NANO,
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "k" => power(1000, 1)?,
        "M" => power(1000, 2)?,
        "G" => power(1000, 3)?,
        "T" => power(1000, 4)?,
        "P" => power(1000, 5)?,
        "E" => power(1000, 6)?,
        "Ki" => power(1024, 1)?,
        "Mi" => power(1024, 2)?,
        "Gi" => power(1024, 3)?,
        "Ti" => power(1024, 4)?,
        "Pi" => power(1024, 5)?,
        "Ei" => power(1024, 6)?,
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let size = 10_i128.checked_pow(exponent.unsigned_abs())?;
            return if exponent < 0 { Some((NANO, size)) } else { Some((NANO.checked_mul(size)?, 1)) };
        }
    };
    Some((whole, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_amounts_are_equal_however_written() {
        for (a, b) in [
            ("1", "1000m"),
            ("0.1Gi", "107374182400m"),
            ("1e3", "1k"),
            ("1.5Gi", "1536Mi"),
            ("+2", "2"),
            (".5", "500m"),
            ("-1", "-1000m"),
            ("5.", "5"),
            ("100E-2", "1"),
        ] {
            assert!(nanos(a).is_some(), "{a}");
            assert_eq!(nanos(a), nanos(b), "{a} and {b}");
        }
        assert_ne!(nanos("1M"), nanos("1Mi"));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", "Gi", "1.2.3", "1 Gi", "ten", "1gi", "1e", "--1", ".", "1e999"] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_is_the_amount(amount in -1_000_000_000_000_i128..1_000_000_000_000_i128) {
            prop_assert_eq!(nanos(&text(amount * 1_000_000)), Some(amount * 1_000_000));
        }

        #[test]
        fn never_panics(text in "[-+.0-9eEkKmMGiTPnu ]{0,40}") {
            let _ = nanos(&text);
        }
    }
}
