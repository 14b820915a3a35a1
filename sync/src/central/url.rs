//! Where central is and how to log in, as one URL.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use super::CentralError;

const DEFAULT_PORT: u16 = 3306;

/// `mysql://user:password@host:port/database?socket=/path&ssl-ca=/path&ssl-mode=verify-ca`.
///
/// The password never shows in `Display` and `Debug`. Away from loopback and Unix sockets TLS is required, with the
/// server's certificate and name verified; `ssl-mode=verify-ca` leaves out the name.
#[derive(Clone, PartialEq, Eq)]
pub struct CentralUrl {
    user: String,
    password: String,
    host: String,
    port: u16,
    database: String,
    socket: Option<PathBuf>,
    ssl_ca: Option<PathBuf>,
    tls: Tls,
}

/// How much of TLS is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Off,
    VerifyCa,
    VerifyIdentity,
}

impl Tls {
    fn name(self) -> &'static str {
        match self {
            Self::Off => "disabled",
            Self::VerifyCa => "verify-ca",
            Self::VerifyIdentity => "verify-identity",
        }
    }
}

/// A URL that cannot be used, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the central URL {problem}; expected mysql://user:password@host:port/database")]
pub struct UrlError {
    problem: String,
}

fn wrong(problem: impl Into<String>) -> UrlError {
    UrlError { problem: problem.into() }
}

impl FromStr for CentralUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let rest = ["mysql://", "mariadb://"]
            .iter()
            .find_map(|scheme| text.trim().strip_prefix(scheme))
            .ok_or_else(|| wrong("must begin with mysql:// or mariadb://"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = split_authority(rest)?;
        let (login, address) = authority.rsplit_once('@').ok_or_else(|| wrong("names no user"))?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = split_address(address)?;
        let mut url = Self {
            user: decoded(user, "user")?,
            password: decoded(password, "password")?,
            host: host.to_owned(),
            port,
            database: decoded(database, "database")?,
            socket: None,
            ssl_ca: None,
            tls: Tls::VerifyIdentity,
        };
        let mut mode = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            url.take_parameter(pair, &mut mode)?;
        }
        url.settle_tls(mode)?;
        url.verified()
    }
}

/// Splits `login@address/database`.
fn split_authority(rest: &str) -> Result<(&str, &str), UrlError> {
    let (authority, database) = rest.split_once('/').ok_or_else(|| wrong("names no database"))?;
    if database.contains('@') {
        return Err(wrong("has a / before the @ (write a / in the password as %2F, an @ as %40)"));
    }
    Ok((authority, database))
}

fn split_address(address: &str) -> Result<(&str, u16), UrlError> {
    let (host, port) = match address.strip_prefix('[') {
        Some(six) => {
            let (host, rest) = six.split_once(']').ok_or_else(|| wrong("has an IPv6 address without ]"))?;
            (host, rest.strip_prefix(':'))
        }
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None | Some("") => DEFAULT_PORT,
        Some(text) => text.parse().map_err(|_| wrong(format!("has no valid port ({text})")))?,
    };
    Ok((host, port))
}

impl CentralUrl {
    fn take_parameter(&mut self, pair: &str, mode: &mut Option<String>) -> Result<(), UrlError> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value, name)?;
        match name {
            "socket" => self.socket = Some(value.into()),
            "ssl-ca" => self.ssl_ca = Some(value.into()),
            "ssl-mode" => *mode = Some(value.to_ascii_lowercase().replace('_', "-")),
            _ => return Err(wrong(format!("has an unknown parameter {name} (known: socket, ssl-ca, ssl-mode)"))),
        }
        Ok(())
    }

    fn settle_tls(&mut self, mode: Option<String>) -> Result<(), UrlError> {
        self.tls = match mode.as_deref() {
            None if self.is_local() && self.ssl_ca.is_none() => Tls::Off,
            None | Some("verify-identity") => Tls::VerifyIdentity,
            Some("verify-ca") => Tls::VerifyCa,
            Some("disabled") if self.is_local() => Tls::Off,
            Some("disabled" | "preferred" | "required") => {
                return Err(wrong(format!(
                    "asks for ssl-mode={} with the host {}, which would let others read or alter what is sent (use \
                     verify-identity, with ssl-ca=/path/to/ca.pem for a certificate of your own)",
                    mode.unwrap_or_default(),
                    self.host
                )));
            }
            Some(other) => {
                return Err(wrong(format!(
                    "has an unknown ssl-mode {other} (known: verify-identity, verify-ca, disabled)"
                )));
            }
        };
        Ok(())
    }

    fn verified(self) -> Result<Self, UrlError> {
        if self.user.is_empty() {
            return Err(wrong("names no user"));
        }
        if self.host.is_empty() && self.socket.is_none() {
            return Err(wrong("names no host"));
        }
        let name = &self.database;
        if name.is_empty() || name.chars().count() > 64 || name.contains(['/', '\\', '\0']) || name.ends_with(' ') {
            return Err(wrong("has no valid database name after the host"));
        }
        Ok(self)
    }

    /// The Unix socket over which the server is reached, if it is.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// True when what is sent does not leave this machine.
    fn is_local(&self) -> bool {
        self.socket.is_some()
            || self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The whole URL with its password, for a configuration file that only its owner can read.
    pub fn expose(&self) -> String {
        self.written(&encoded(&self.password))
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The user that it logs in as.
    pub fn user(&self) -> &str {
        &self.user
    }

    fn written(&self, password: &str) -> String {
        let password = if self.password.is_empty() { String::new() } else { format!(":{password}") };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let mut text =
            format!("mysql://{}{password}@{host}:{}/{}", encoded(&self.user), self.port, encoded(&self.database));
        let mut separator = '?';
        let mut add = |name: &str, value: &str| {
            let _ = write!(text, "{separator}{name}={}", encoded(value));
            separator = '&';
        };
        if let Some(socket) = &self.socket {
            add("socket", &socket.to_string_lossy());
        }
        if let Some(ca) = &self.ssl_ca {
            add("ssl-ca", &ca.to_string_lossy());
        }
        if self.tls == Tls::VerifyCa || (self.is_local() && self.tls == Tls::VerifyIdentity) {
            add("ssl-mode", self.tls.name());
        }
        text
    }

    /// What the driver needs; without the database when it may not exist yet. Reads the authority's certificate here,
    /// as the driver would say of a missing file that the server cannot be reached.
    pub(super) fn options(&self, with_database: bool) -> Result<MySqlConnectOptions, CentralError> {
        let mut options = MySqlConnectOptions::new().username(&self.user).ssl_mode(match self.tls {
            Tls::Off => MySqlSslMode::Disabled,
            Tls::VerifyCa => MySqlSslMode::VerifyCa,
            Tls::VerifyIdentity => MySqlSslMode::VerifyIdentity,
        });
        // An empty password is sent as one, which a user without a password is refused for.
        if !self.password.is_empty() {
            options = options.password(&self.password);
        }
        options = match &self.socket {
            Some(path) => options.socket(path),
            None => options.host(&self.host).port(self.port),
        };
        if let Some(path) = &self.ssl_ca {
            let pem = std::fs::read(path);
            let pem = pem.map_err(|error| CentralError::Tls(format!("cannot read {}: {error}", path.display())))?;
            options = options.ssl_ca_from_pem(pem);
        }
        Ok(if with_database { options.database(&self.database) } else { options })
    }
}

impl fmt::Display for CentralUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written("***"))
    }
}

impl fmt::Debug for CentralUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn decoded(text: &str, what: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let (digits, tail) = tail.split_at_checked(2).ok_or_else(|| half_escape(what))?;
            let digits = std::str::from_utf8(digits).map_err(|_| half_escape(what))?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| half_escape(what))?);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong(format!("has a {what} that is not UTF-8")))
}

fn half_escape(what: &str) -> UrlError {
    wrong(format!("has a % in its {what} that no two hexadecimal digits follow (write a % as %25)"))
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CentralUrl, UrlError> {
        text.parse()
    }

    #[test]
    fn reads_all_parts_and_writes_them_again() {
        let url = parse("mariadb://ct:p%40ss%2F%25w%C3%B6rd@db.example:3307/memory?ssl-ca=%2Fetc%2Fca.pem").unwrap();
        assert_eq!((url.user(), url.database()), ("ct", "memory"));
        assert_eq!((url.password.as_str(), url.host.as_str(), url.port), ("p@ss/%wörd", "db.example", 3307));
        assert_eq!(url.tls, Tls::VerifyIdentity);
        assert_eq!(parse(&url.expose()).unwrap(), url);
    }

    #[test]
    fn an_at_sign_in_the_password_needs_no_escape() {
        assert_eq!(parse("mysql://u:a@b@localhost/d").unwrap().password, "a@b");
    }

    #[test]
    fn never_shows_the_password() {
        let url = parse("mysql://u:hunter2@127.0.0.1/d?socket=/run/db.sock").unwrap();
        for text in [url.to_string(), format!("{url:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
            assert!(text.contains("***"), "{text}");
        }
    }

    #[test]
    fn tls_may_be_left_out_only_on_this_machine() {
        for local in
            ["mysql://u@localhost/d", "mysql://u@[::1]:3306/d", "mysql://u@127.0.0.9/d", "mysql://u@/d?socket=/s"]
        {
            assert_eq!(parse(local).unwrap().tls, Tls::Off, "{local}");
        }
        assert_eq!(parse("mysql://u@localhost/d?ssl-mode=verify-ca").unwrap().tls, Tls::VerifyCa);
        assert_eq!(parse("mysql://u@db/d").unwrap().tls, Tls::VerifyIdentity);
        for mode in ["disabled", "preferred", "REQUIRED"] {
            assert!(parse(&format!("mysql://u@db/d?ssl-mode={mode}")).is_err(), "{mode}");
        }
        let kept = parse("mysql://u@db/d?ssl-mode=VERIFY_CA").unwrap();
        assert_eq!(parse(&kept.expose()).unwrap(), kept);
    }

    #[test]
    fn says_what_is_wrong_without_the_password() {
        for (text, says) in [
            ("http://u:hunter2@h/d", "mysql://"),
            ("mysql://u:hunter2@h", "database"),
            ("mysql://u:hunter2@h/", "database"),
            ("mysql://h/d", "user"),
            ("mysql://u:hunter2@:3306/d", "host"),
            ("mysql://u:hunter2@h:no/d", "port"),
            ("mysql://u:hun/ter2@h/d", "%2F"),
            ("mysql://u:hunter2%@h/d", "%25"),
            ("mysql://u:hunter2@h/d?sslmode=x", "sslmode"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
