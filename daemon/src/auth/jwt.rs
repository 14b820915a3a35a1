//! Tokens: JWT, signed with HMAC-SHA-256 and a key of this machine's own. No other algorithm exists here: the library is
//! given one that makes and checks HS256 and refuses to name another.

use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use signature::{Signer, Verifier};
use zeroize::Zeroizing;

use crate::files;
use crate::server::guard::hex;

/// How long an access token holds.
pub(crate) const ACCESS_SECONDS: u64 = 3600;

/// What a token says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// E-mail address of the user, or `user@host` for this machine's own.
    pub(crate) sub: String,
    /// `msp:read`, `msp:write`, `msp:admin`
    pub(crate) scopes: Vec<String>,
    /// The machine that issued it.
    pub(crate) machine: String,
    /// Seconds since 1970.
    pub(crate) exp: u64,
    /// Its own name.
    pub(crate) jti: String,
    /// The login that it belongs to, for tokens of users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<String>,
    /// The user's `token_version` when it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<i64>,
    /// The clients that it is limited to; absent: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clients: Option<Vec<String>>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("a bearer token is needed")]
    Missing,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not one of this machine's")]
    Invalid,
    #[error("the token was issued by another machine")]
    Foreign,
    #[error("the token was revoked")]
    Revoked,
    /// It may hold: whether its user may log in still has not been read yet.
    #[error("the replica is being opened, which knows whether the token holds")]
    Unlearned,
}

/// The key that signs. No `Debug`.
pub(crate) struct JwtKey {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

impl JwtKey {
    /// Reads the key of a home; makes it when it is missing.
    pub(crate) fn load_or_create(path: &Path) -> io::Result<JwtKey> {
        match std::fs::read_to_string(path).map(Zeroizing::new) {
            Ok(_) if files::foreign_bits(path)? != 0 => {
                Err(io::Error::other("other users may read it; delete it, a new one is made (all tokens end)"))
            }
            Ok(text) if text.trim().len() == 64 => JwtKey::new(text.trim().as_bytes()),
            Ok(_) => Err(io::Error::other("it is not a key; delete it, a new one is made (all tokens end)")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => JwtKey::create(path),
            Err(error) => Err(error),
        }
    }

    fn create(path: &Path) -> io::Result<JwtKey> {
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *random).map_err(io::Error::other)?;
        let text = Zeroizing::new(hex(&*random));
        path.parent().map_or(Ok(()), hooks::durable::private_dir)?;
        files::write_private(path, text.as_bytes())?;
        JwtKey::new(text.as_bytes())
    }

    fn new(secret: &[u8]) -> io::Result<JwtKey> {
        // An error means that it was installed before, which is as good.
        let _ = PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // The time is passed in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let unusable = |error: Error| io::Error::other(error.to_string());
        let signing = EncodingKey::from_secret(secret).map_err(unusable)?;
        Ok(JwtKey { signing, verifying: DecodingKey::from_secret(secret).map_err(unusable)?, validation })
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, TokenError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing).map_err(|_| TokenError::Invalid)
    }

    pub(super) fn verify(&self, token: &str, now: u64) -> Result<Claims, TokenError> {
        let found = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation);
        let claims = found.map_err(|_| TokenError::Invalid)?.claims;
        if claims.exp <= now { Err(TokenError::Expired) } else { Ok(claims) }
    }
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?)),
    verifier_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Hs256, Error> {
        if algorithm != Algorithm::HS256 {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        Hmac::new_from_slice(secret).map(Hs256).map_err(|_| ErrorKind::InvalidKeyFormat.into())
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mut mac = self.0.clone();
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.verify_slice(signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn claims() -> Claims {
        let text = |text: &str| text.to_owned();
        Claims { sub: text("a@b.c"), scopes: vec![text("msp:read")], exp: 100, jti: text("j"), ..Claims::default() }
    }

    #[test]
    fn a_token_holds_until_it_ends_and_with_its_own_key_only() {
        let key = JwtKey::new(SECRET).unwrap();
        let token = key.sign(&claims()).unwrap();
        assert_eq!(key.verify(&token, 99), Ok(claims()));
        assert_eq!(key.verify(&token, 100), Err(TokenError::Expired));
        assert_eq!(JwtKey::new(&[b'x'; 64]).unwrap().verify(&token, 99), Err(TokenError::Invalid));
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            // The last character of a part holds bits that say nothing; a strict decoder refuses them too.
            assert!(key.verify(&forged, 99).is_err(), "character {at}");
        }
    }

    /// `{"alg":"none"}`, `{"alg":"HS512"}` and `{"alg":"RS256"}` with the claims of [`claims`].
    #[test]
    fn no_other_algorithm_is_taken() {
        let key = JwtKey::new(SECRET).unwrap();
        let token = key.sign(&claims()).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzUxMiJ9", "eyJhbGciOiJSUzI1NiJ9"] {
            for signature in ["", signature] {
                assert_eq!(key.verify(&format!("{header}.{body}.{signature}"), 99), Err(TokenError::Invalid));
            }
        }
    }

    #[test]
    fn the_key_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/jwt.key");
        let token = JwtKey::load_or_create(&path).unwrap().sign(&claims()).unwrap();
        assert_eq!(files::foreign_bits(&path).unwrap(), 0);
        assert_eq!(JwtKey::load_or_create(&path).unwrap().verify(&token, 99), Ok(claims()));
        std::fs::write(&path, "x").unwrap();
        assert!(JwtKey::load_or_create(&path).is_err());
    }
}
