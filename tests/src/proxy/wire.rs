//! As much of the MySQL protocol as it takes to know the statements of a connection.

use std::collections::HashMap;
use std::io::{self, Read};

const HEADER: usize = 4;

/// A packet with its header: three bytes of length, one of sequence.
pub(super) struct Packet(Vec<u8>);

impl Packet {
    /// The next packet; None at the end of the stream.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Packet>> {
        let mut bytes = vec![0; HEADER];
        if from.read(&mut bytes[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut bytes[1..])?;
        let length = usize::from(bytes[0]) | usize::from(bytes[1]) << 8 | usize::from(bytes[2]) << 16;
        bytes.resize(HEADER + length, 0);
        from.read_exact(&mut bytes[HEADER..])?;
        Ok(Some(Packet(bytes)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn payload(&self) -> &[u8] {
        &self.0[HEADER..]
    }

    /// The first packet of a command; those of a login go on from the server's greeting.
    fn is_first(&self) -> bool {
        self.0[3] == 0
    }
}

/// How a statement is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// As text.
    Query,
    /// To be prepared.
    Prepare,
    /// Prepared before.
    Execute,
    /// No statement: a ping, a login, the end.
    Other,
}

impl Command {
    /// Whether the server carries it out.
    pub fn runs(self) -> bool {
        matches!(self, Command::Query | Command::Execute)
    }
}

/// The prepared statements of a connection.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    texts: HashMap<u32, String>,
    awaited: Option<String>,
}

impl Prepared {
    /// The statement that a packet of the client begins; None for what gets no answer or belongs to the one before.
    pub(super) fn statement(&mut self, packet: &Packet) -> Option<(Command, String)> {
        let (&code, rest) = packet.payload().split_first().filter(|_| packet.is_first())?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        match code {
            0x03 => Some((Command::Query, text())),
            0x16 => {
                self.awaited = Some(text());
                Some((Command::Prepare, text()))
            }
            0x17 => Some((Command::Execute, number(rest).and_then(|id| self.texts.get(&id).cloned())?)),
            // Closing a prepared statement, and the end of the connection.
            0x19 | 0x01 => None,
            _ => Some((Command::Other, format!("command {code:#04x}"))),
        }
    }

    /// Looks at a packet of the server.
    pub(super) fn answered(&mut self, packet: &Packet) {
        let Some(text) = self.awaited.take() else { return };
        if let [0, rest @ ..] = packet.payload()
            && let Some(id) = number(rest)
        {
            self.texts.insert(id, text);
        }
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u8, payload: &[u8]) -> Packet {
        let mut bytes = vec![u8::try_from(payload.len()).unwrap(), 0, 0, sequence];
        bytes.extend(payload);
        Packet::read(&mut bytes.as_slice()).unwrap().unwrap()
    }

    #[test]
    fn a_prepared_statement_is_known_by_its_text() {
        let mut prepared = Prepared::default();
        let (command, text) = prepared.statement(&packet(0, b"\x16SELECT ?")).unwrap();
        assert_eq!((command, text.as_str()), (Command::Prepare, "SELECT ?"));
        prepared.answered(&packet(1, &[0, 7, 0, 0, 0, 1, 0]));
        let (command, text) = prepared.statement(&packet(0, &[0x17, 7, 0, 0, 0, 0])).unwrap();
        assert_eq!((command, text.as_str()), (Command::Execute, "SELECT ?"));
        assert!(prepared.statement(&packet(0, &[0x19, 7, 0, 0, 0])).is_none(), "closing it gets no answer");
    }

    #[test]
    fn a_login_is_no_statement_and_an_end_is_an_end() {
        assert!(Prepared::default().statement(&packet(1, b"\x03root")).is_none());
        assert!(Packet::read(&mut [].as_slice()).unwrap().is_none());
        assert!(Packet::read(&mut [5, 0].as_slice()).is_err());
    }
}
