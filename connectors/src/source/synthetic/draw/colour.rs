//! Colours as the planes hold them.

/// A colour as people write it, 0 to 255 each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rgb(pub f32, pub f32, pub f32);

/// A colour in limited-range BT.709, the form of the I420 planes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Yuv {
    /// Luma, 16 to 235.
    pub y: f32,
    /// Blue difference about 128.
    pub u: f32,
    /// Red difference about 128.
    pub v: f32,
}

impl Rgb {
    /// The colour with its light multiplied.
    pub fn lit(self, factor: f32) -> Self {
        Self(self.0 * factor, self.1 * factor, self.2 * factor)
    }

    /// The way from this colour to another, 0 to 1.
    pub fn towards(self, other: Self, share: f32) -> Self {
        let mix = |a: f32, b: f32| a + (b - a) * share;
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// ITU-R BT.709-6, tables 3.3 and 3.4, 8 bit.
    pub fn to_yuv(self) -> Yuv {
        let [r, g, b] = [self.0, self.1, self.2].map(|c| c.clamp(0.0, 255.0) / 255.0);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        Yuv { y: 16.0 + 219.0 * y, u: 128.0 + 224.0 * (b - y) / 1.8556, v: 128.0 + 224.0 * (r - y) / 1.5748 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_red_land_where_the_standard_says() {
        let round = |c: Rgb| {
            let Yuv { y, u, v } = c.to_yuv();
            [y, u, v].map(|x| x.round() as u8)
        };
        assert_eq!(round(Rgb(0.0, 0.0, 0.0)), [16, 128, 128]);
        assert_eq!(round(Rgb(255.0, 255.0, 255.0)), [235, 128, 128]);
        assert_eq!(round(Rgb(255.0, 0.0, 0.0)), [63, 102, 240]);
    }
}
