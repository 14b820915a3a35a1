//! The compressed columns: one zstd frame with its content size, level 3, no dictionary.

use super::StoreError;

/// The level that costs about as much time as the write that it saves.
const LEVEL: i32 = 3;
/// Largest text that is unpacked, in bytes: a damaged or hostile frame must not fill the memory.
const LIMIT: usize = 64 << 20;

/// One zstd frame of the bytes.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "zstd fails only when it is out of memory or given an invalid level")]
    zstd::bulk::compress(bytes, LEVEL).expect("zstd compresses in memory")
}

/// The bytes of a frame that [`compress`] made, at most 64 MiB.
pub fn decompress(frame: &[u8]) -> Result<Vec<u8>, StoreError> {
    let size = zstd::zstd_safe::get_frame_content_size(frame)
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size <= LIMIT)
        .ok_or_else(|| StoreError::Damaged("a compressed text is no zstd frame of at most 64 MiB".into()))?;
    zstd::bulk::decompress(frame, size).map_err(|_| StoreError::Damaged("a compressed text cannot be unpacked".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let text = "the same line again and again\n".repeat(2000);
        let frame = compress(text.as_bytes());
        assert!(frame.len() * 50 < text.len());
        assert_eq!(decompress(&frame).unwrap(), text.as_bytes());
        assert_eq!(decompress(&compress(b"")).unwrap(), b"");
    }

    #[test]
    fn damaged_frames_are_errors() {
        let mut frame = compress("a text that is long enough to have a body".repeat(9).as_bytes());
        assert!(decompress(&frame[..frame.len() - 3]).is_err());
        frame[0] ^= 0xff;
        assert!(decompress(&frame).is_err());
        assert!(decompress(b"").is_err());
    }
}
