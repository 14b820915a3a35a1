//! Bytes at a position of a file, on each platform: several readers share one open file, and none moves the others' place.

use std::fs::File;
use std::io;

/// Fills the buffer from that position on. Errors: when there is not as much, or it cannot be read.
#[cfg(unix)]
pub fn read_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

/// Writes all bytes from that position on.
#[cfg(unix)]
pub fn write_at(file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

/// Fills the buffer from that position on. Errors: when there is not as much, or it cannot be read.
#[cfg(windows)]
pub fn read_at(file: &File, mut at: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (at, buffer) = (at + read as u64, &mut buffer[read..]),
        }
    }
    Ok(())
}

/// Writes all bytes from that position on.
#[cfg(windows)]
pub fn write_at(file: &File, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, at)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => (at, bytes) = (at + written as u64, &bytes[written..]),
        }
    }
    Ok(())
}
