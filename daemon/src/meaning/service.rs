//! A service that makes vectors, as OpenAI, Ollama and many others offer it: `POST …/embeddings`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::embedder::{EmbedError, Embedder};
use super::roots;

/// How long it may take in the background; a model is loaded there first, perhaps.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one that was away is left alone, so that not every prompt waits for it.
const REST: Duration = Duration::from_secs(20);
/// Texts of a request.
const BATCH: usize = 16;
/// Characters of a text that are sent: more than such models read.
const MOST_CHARS: usize = 2_000;
/// The most of an answer that is read.
const LARGEST: u64 = 32 << 20;
/// What is repeated of a refusal.
const REFUSAL_CHARS: usize = 200;

/// A service.
pub(crate) struct Service {
    url: String,
    model: String,
    /// A header's value, which is never shown.
    key: Option<String>,
    agent: ureq::Agent,
    away: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    embedding: Vec<f32>,
    #[serde(default)]
    index: Option<usize>,
}

impl Service {
    /// The service at that address, whose key is in an environment variable, if it needs one.
    pub(crate) fn new(url: String, model: String, key_env: Option<&str>) -> Service {
        let key = key_env.and_then(|name| std::env::var(name).ok()).map(|key| format!("Bearer {key}"));
        let mut config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
        if is_this_machine(&url) {
            // A proxy could not reach it.
            config = config.proxy(None);
        }
        if url.starts_with("https:") {
            config = config.tls_config(roots::tls());
        }
        Service { url, model, key, agent: config.build().into(), away: Mutex::default() }
    }

    fn request(&self, texts: &[&str], patience: Duration) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner).to_owned();
        if away.take_if(|since| since.elapsed() < REST).is_some() {
            return Err(EmbedError::Resting);
        }
        let outcome = self.post(texts, patience).and_then(|answer| vectors(answer, texts.len()));
        let now = outcome.is_err().then(Instant::now);
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = now;
        outcome.map_err(|why| EmbedError::Service(format!("ask {} for vectors: {why}", self.url)))
    }

    fn post(&self, texts: &[&str], patience: Duration) -> Result<Answer, String> {
        let input: Vec<&str> = texts.iter().map(|text| start(text, MOST_CHARS)).collect();
        let body = json!({ "model": self.model, "input": input, "encoding_format": "float" }).to_string();
        let request =
            self.agent.post(format!("{}/embeddings", self.url)).config().timeout_global(Some(patience)).build();
        let mut request = request.header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", key);
        }
        let mut answer = request.send(body).map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|error| error.to_string())?;
        if !status.is_success() {
            // What it says of a request it may have from the request: not more than its first words, and no secret.
            let said = String::from_utf8_lossy(&text);
            let said = recall::redact::redact(start(said.trim(), REFUSAL_CHARS)).into_text();
            return Err(format!("it answers {status}: {said}"));
        }
        serde_json::from_slice(&text).map_err(|error| format!("its answer is not understood: {error}"))
    }
}

/// One for each text, in their order, of length 1.
fn vectors(answer: Answer, asked: usize) -> Result<Vec<Vec<f32>>, String> {
    let mut data = answer.data;
    if data.iter().all(|one| one.index.is_some()) {
        data.sort_by_key(|one| one.index);
    }
    let length = data.first().map_or(0, |one| one.embedding.len());
    let fits = |one: &One| one.embedding.len() == length && one.embedding.iter().all(|value| value.is_finite());
    if data.len() != asked || !(8..=8_192).contains(&length) || !data.iter().all(fits) {
        return Err(format!("it gives {} vectors of {length} numbers for {asked} texts", data.len()));
    }
    let unit = |mut vector: Vec<f32>| {
        let size = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        for value in &mut vector {
            *value /= size;
        }
        vector
    };
    Ok(data.into_iter().map(|one| unit(one.embedding)).collect())
}

fn start(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(end, _)| &text[..end])
}

fn is_this_machine(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    ["localhost", "127.", "[::1]"].iter().any(|here| host.starts_with(here))
}

impl Embedder for Service {
    fn identity(&self) -> Result<String, EmbedError> {
        Ok(format!("{} {}", self.url, self.model))
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.request(&texts, PATIENCE)
    }

    fn ask(&self, text: &str, patience: Duration) -> Result<Vec<f32>, EmbedError> {
        let clean = recall::redact::redact(text);
        let mut found = self.request(&[&clean.text], patience)?;
        found.pop().ok_or(EmbedError::Resting) // one text, one vector
    }

    fn batch(&self) -> usize {
        BATCH
    }

    fn is_service(&self) -> bool {
        true
    }

    fn rest(&self) {}

    fn name(&self) -> String {
        format!("{} at {}", self.model, self.url)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// Answers one request after another as it is told, and gives back what it was sent.
    fn listener(answers: Vec<(u16, String)>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let serve = move || {
            let answer = |(status, body): (u16, String)| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut request, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    request += &line;
                    if line == "\r\n" {
                        break;
                    }
                }
                let mut content = vec![0; length];
                reader.read_exact(&mut content).unwrap();
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).unwrap();
                request + &String::from_utf8(content).unwrap()
            };
            answers.into_iter().map(answer).collect()
        };
        (url, std::thread::spawn(serve))
    }

    fn answer(vectors: &[(usize, f32)]) -> String {
        let data: Vec<serde_json::Value> = vectors
            .iter()
            .map(|&(index, at)| json!({ "index": index, "embedding": [at, 0, 0, 0, 0, 0, 0, 3] }))
            .collect();
        json!({ "data": data }).to_string()
    }

    #[test]
    fn texts_become_unit_vectors_in_their_order_and_secrets_of_a_question_stay_here() {
        let (url, server) = listener(vec![(200, answer(&[(1, 4.0), (0, 0.0)])), (200, answer(&[(0, 4.0)]))]);
        let service = Service::new(url, "small".into(), None);
        let vectors = service.embed(&["one".into(), "two".into()]).unwrap();
        assert!((vectors[0][7] - 1.0).abs() < 1e-6 && (vectors[1][0] - 0.8).abs() < 1e-6, "{vectors:?}");
        let secret = format!("ghp_{}", "a1B2c3D4e5".repeat(4).split_at(36).0);
        service.ask(&format!("why is {secret} refused"), Duration::from_secs(5)).unwrap();
        let requests = server.join().unwrap();
        assert!(requests[0].starts_with("POST /v1/embeddings ") && requests[0].contains(r#""model":"small""#));
        assert!(!requests[1].contains(&secret) && requests[1].contains("refused"), "{}", requests[1]);
    }

    #[test]
    fn one_that_refuses_is_left_alone_for_a_while() {
        let (url, server) = listener(vec![(500, "model not found".into())]);
        let service = Service::new(url.clone(), "small".into(), None);
        let said = service.ask("a question", Duration::from_secs(5)).unwrap_err().to_string();
        assert!(said.contains(&url) && said.contains("500") && said.contains("model not found"), "{said}");
        server.join().unwrap();
        assert!(matches!(service.ask("a question", Duration::from_secs(5)), Err(EmbedError::Resting)));
    }

    #[test]
    fn one_that_does_not_answer_costs_no_more_than_the_patience() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Service::new(format!("http://{}/v1", silent.local_addr().unwrap()), "small".into(), None);
        let begun = Instant::now();
        service.ask("a question", Duration::from_millis(50)).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn answers_that_do_not_fit_are_refused() {
        let one = |values: Vec<f32>| One { embedding: values, index: None };
        assert!(vectors(Answer { data: vec![one(vec![1.0; 8])] }, 2).is_err());
        assert!(vectors(Answer { data: vec![one(vec![1.0; 8]), one(vec![1.0; 9])] }, 2).is_err());
        assert!(vectors(Answer { data: vec![one(vec![f32::NAN; 8])] }, 1).is_err());
        assert!(vectors(Answer { data: vec![one(vec![0.0; 8])] }, 1).unwrap()[0].iter().all(|value| value.is_finite()));
    }
}
