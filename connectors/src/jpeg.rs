//! RGB pictures as JPEG.

use jpeg_encoder::{ColorType, Encoder, EncodingError};
use vokg_engine::rgb::RgbImage;

/// The picture as JPEG. Quality goes from 1 to 100.
///
/// # Errors
/// Where a side is 0 or above 65535 pixels.
pub(crate) fn encode(image: &RgbImage, quality: u8) -> Result<Vec<u8>, EncodingError> {
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(0);
    let mut jpeg = Vec::new();
    let encoder = Encoder::new(&mut jpeg, quality);
    encoder.encode(&image.bytes, side(image.size.width), side(image.size.height), ColorType::Rgb)?;
    Ok(jpeg)
}
