use super::redact;

/// Built from parts, so that scanners of this repository find no token in it.
fn token(prefix: &str, body: &str) -> String {
    format!("{prefix}{body}")
}

const MIXED: &str = "aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5zA7bC9d";

#[test]
fn known_formats_are_replaced_by_their_kind() {
    for (kind, secret) in [
        ("aws-key", token("AKIA", "IOSFODNN7EXAMPLE")),
        ("github-token", token("ghp_", &MIXED[..36])),
        ("github-token", token("github_pat_", MIXED)),
        ("gitlab-token", token("glpat-", &MIXED[..20])),
        ("slack-token", token("xoxb-", "123456789012-abcdefghijkl")),
        ("stripe-key", token("sk_live_", &MIXED[..24])),
        ("anthropic-key", token("sk-ant-", MIXED)),
        ("openai-key", token("sk-proj-", MIXED)),
        ("google-key", token("AIza", &MIXED[..35])),
        ("npm-token", token("npm_", &MIXED[..36])),
        ("huggingface-token", token("hf_", &MIXED[..34])),
        ("jwt", format!("{}.{}.{}", token("eyJ", &MIXED[..20]), token("eyJ", &MIXED[..20]), MIXED)),
    ] {
        let text = format!("use {secret} here");
        let clean = redact(&text);
        assert_eq!(clean.text, format!("use [redacted:{kind}] here"));
        assert_eq!(clean.kinds.total(), 1, "{kind}");
    }
}

#[test]
fn private_keys_go_whole_even_when_cut_off() {
    let head = token("-----BEGIN OPENSSH ", "PRIVATE KEY-----");
    let tail = token("-----END OPENSSH ", "PRIVATE KEY-----");
    let clean = redact(&format!("a\n{head}\nb3BlbnNzaC1\nAAAA\n{tail}\nz")).into_text();
    assert_eq!(clean, "a\n[redacted:private-key]\nz");
    assert_eq!(redact(&format!("{head}\nb3Blbn")).text, "[redacted:private-key]");
}

#[test]
fn addresses_keep_all_but_the_password() {
    let clean = redact("postgres://app:s3cr3t!@db.example.com:5432/app and https://user@host/x");
    assert_eq!(clean.text, "postgres://app:[redacted:url-password]@db.example.com:5432/app and https://user@host/x");
    assert_eq!(redact("mysql://app:${DB_PASS}@db/app").kinds.total(), 0);
}

#[test]
fn assignments_in_every_dress() {
    for text in [
        "password=hunter2hunter2",
        "DB_PASSWORD=correcthorse",
        "export PGPASSWORD='tr0ub4dor'",
        "the password: hunter2!",
        "\"api_key\": \"9f8e7d6c5b4a\"",
        "apiKey = 'abc123def456'",
        "Server=db;User Id=sa;Password=Pa55w0rd!;Encrypt=yes",
        "client_secret => \"Zx81Spectrum\"",
        "mysql --password=Sup3rSecret -h db",
        "tool --token abc123def456",
        "curl -u admin:hunter2 https://example.com",
        "Authorization: Bearer abc123def456ghi789",
        "AccountKey=abc123DEF456ghi789==",
    ] {
        let clean = redact(text);
        assert_eq!(clean.kinds.total(), 1, "{text} -> {}", clean.text);
    }
}

#[test]
fn the_key_and_what_follows_stay_readable() {
    assert_eq!(redact("password=hunter2hunter2 host=db").text, "password=[redacted:assignment] host=db");
}

#[test]
fn code_and_prose_are_left_alone() {
    for text in [
        "commit 4898ae7c2f1b0d3e5a69788c9d0e1f2a3b4c5d6e",
        "id 756dd0ab-8bb7-4386-b4bb-67027eb4b9d2",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "struct Login { password: String, token: Option<Token> }",
        "let password = read_password()?;",
        "token = tokens.next()",
        "password = config.database.password",
        "secret: process.env.SECRET,",
        "password=$DB_PASSWORD",
        "api_key = os.environ[\"API_KEY\"]",
        "max_tokens: 4096",
        "tokens=800, token_count: 12",
        "the token: it is checked twice",
        "password: required",
        "forgot the password? it is in the vault",
        "PWD=/home/dev/project",
        "docker run -u 1000:1000 image",
        "see https://example.com:8443/path",
        "use sk-learn-compatible-estimators-everywhere",
        "bearer authentication is required",
        "git push --force-with-lease origin main",
        "E0382: use of moved value: `password`",
    ] {
        let clean = redact(text);
        assert_eq!((clean.text.as_ref(), clean.kinds.total()), (text, 0));
    }
}

#[test]
fn it_is_done_once() {
    let once = redact("password=hunter2hunter2 Authorization: Bearer abc123def456ghi789").into_text();
    assert_eq!(redact(&once).kinds.total(), 0, "{once}");
}
