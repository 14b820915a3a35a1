//! Text that must not be seen: wiped when it is dropped, and without `Debug` and `Display`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vault::Passphrase;
use zeroize::Zeroizing;

/// A passphrase or password on its way between the command line and the daemon.
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    pub(crate) fn new(text: Zeroizing<String>) -> SecretText {
        SecretText(text)
    }

    /// The text itself, for the place that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// One that is to be set; None when it is too short.
    pub(crate) fn into_new_passphrase(self) -> Option<Passphrase> {
        Passphrase::new(self.0)
    }

    /// One that was set before.
    pub(crate) fn into_passphrase(self) -> Passphrase {
        Passphrase::existing(self.0)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
        String::deserialize(deserializer).map(|text| SecretText(Zeroizing::new(text)))
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for SecretText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "writeOnly": true })
    }
}
