//! The accent, made readable: WCAG 2.2 §1.4.3 asks for a contrast of 4.5 between a text and what is behind it.

/// The darkest and the lightest background that our pages have.
const LIGHT: Colour = Colour([0xff, 0xff, 0xff]);
const DARK: Colour = Colour([0x17, 0x1d, 0x21]);
const BLACK: Colour = Colour([0x10, 0x14, 0x17]);
const ENOUGH: f64 = 4.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour([u8; 3]);

/// The style sheet's variables for an accent `#rrggbb`: as text and as a button, by day and by night.
pub(super) fn variables(accent: &str) -> String {
    let scheme = |background: Colour| {
        let (accent, on_accent) = pair(accent, background);
        format!("--accent:{accent};--on-accent:{on_accent}")
    };
    format!(":root{{{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}\n", scheme(LIGHT), scheme(DARK))
}

/// The accent as a button by day, and the colour of the text on it.
pub(super) fn button(accent: &str) -> (String, String) {
    pair(accent, LIGHT)
}

fn pair(accent: &str, background: Colour) -> (String, String) {
    let accent = Colour::parse(accent).readable_on(background);
    let on_accent = if accent.contrast(LIGHT) >= ENOUGH { LIGHT } else { BLACK };
    (accent.hex(), on_accent.hex())
}

impl Colour {
    /// Black where it is no colour: the settings were checked before.
    fn parse(text: &str) -> Self {
        let part = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        Self([part(1), part(3), part(5)].map(Option::unwrap_or_default))
    }

    fn hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// The same hue, as little darker or lighter as makes it readable.
    fn readable_on(self, background: Self) -> Self {
        let towards = if background.luminance() > 0.5 { BLACK } else { LIGHT };
        (0..=20)
            .map(|step| self.mixed(towards, f64::from(step) / 20.0))
            .find(|colour| colour.contrast(background) >= ENOUGH)
            .unwrap_or(towards)
    }

    fn mixed(self, other: Self, share: f64) -> Self {
        let mut mixed = [0; 3];
        for ((out, own), other) in mixed.iter_mut().zip(self.0).zip(other.0) {
            let value = f64::from(own) * (1.0 - share) + f64::from(other) * share;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a mean of two bytes is a byte"
            )]
            let byte = value.round() as u8;
            *out = byte;
        }
        Self(mixed)
    }

    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if one > two { one / two } else { two / one }
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let linear = |byte: u8| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accent_is_readable_by_day_and_by_night() {
        for accent in ["#000000", "#ffffff", "#0b5e6b", "#ffee00", "#777777", "#ff0000", "#0000ff", "#00ff00"]
        {
            let colour = Colour::parse(accent);
            for background in [LIGHT, DARK] {
                let text = colour.readable_on(background);
                assert!(text.contrast(background) >= ENOUGH, "{accent} on {background:?}: {text:?}");
                let best = text.contrast(LIGHT).max(text.contrast(BLACK));
                assert!(best >= ENOUGH, "a button in {text:?}: {best}");
            }
        }
        assert!(variables("#0b5e6b").starts_with(":root{--accent:#0b5e6b;--on-accent:#ffffff}"));
    }
}
