//! Opening the socket and the loopback port.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Why an address is not listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Only this machine may call.
    #[error("listen on {0}: only loopback addresses (127.0.0.1, [::1]) are allowed")]
    NotLoopback(SocketAddr),
    /// The platform refused.
    #[error("listen on {place}: {source}")]
    Io { place: String, source: io::Error },
}

/// Listens on a loopback address; port 0 takes a free one.
pub(crate) async fn tcp(address: SocketAddr) -> Result<TcpListener, ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|source| ListenError::Io { place: address.to_string(), source })
}

/// Listens on the socket of a home, for its owner only. A stale socket file is removed, which is safe because the
/// caller holds the home's lock.
#[cfg(unix)]
pub(crate) fn socket(
    path: &std::path::Path,
    _held: &crate::lock::HomeLock,
) -> Result<tokio::net::UnixListener, ListenError> {
    let io = |source| ListenError::Io { place: path.display().to_string(), source };
    crate::files::remove_if_there(path).map_err(io)?;
    let listener = tokio::net::UnixListener::bind(path).map_err(io)?;
    crate::files::make_private(path).map_err(io)?; // until here the 0700 folder protects it
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_listened_on() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
            let error = tcp(address.parse().unwrap()).await.unwrap_err();
            assert!(matches!(error, ListenError::NotLoopback(_)), "{error}");
        }
        assert_ne!(tcp("127.0.0.1:0".parse().unwrap()).await.unwrap().local_addr().unwrap().port(), 0);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_too_long_a_path_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let lock = crate::lock::HomeLock::acquire(&folder.path().join("daemon.lock")).unwrap();
        let path = folder.path().join("daemon.sock");
        drop(socket(&path, &lock).unwrap());
        assert!(path.exists(), "the file of a closed listener stays, as after a crash");
        let _listener = socket(&path, &lock).unwrap();
        assert_eq!(crate::files::foreign_bits(&path).unwrap(), 0);
        let long = folder.path().join("x".repeat(120));
        assert!(matches!(socket(&long, &lock), Err(ListenError::Io { .. })));
    }
}
