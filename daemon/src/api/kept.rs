//! Answers that are given again as long as nothing was written: programs that watch a list ask for it far more often than
//! it changes.
//!
//! Only of routes that give out rows and nothing else ([`super::route::Route::kept`]), and only for callers who see all of them: of those
//! who are limited to clients, what they see depends on the time, too. An answer belongs to the version of the replica
//! ([`Store::version`]) that stood before it was read, and is given as long as that version stands: nobody is shown less than
//! what was acknowledged before, to whomever it was. Who wants it read anew says so (`Cache-Control: no-cache`), as a browser
//! does when its user insists.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use sync::Store;

use super::route::{Reply, ReplyBody};
use crate::server::guard::Visit;

/// Bytes of all answers that are kept, and of one.
const MOST: usize = 2 << 20;
const LARGEST: usize = 256 << 10;

/// An answer with rows in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    body: Bytes,
    etag: Option<String>,
}

impl Answer {
    /// What can be kept of a reply.
    fn of(reply: &Reply) -> Option<Self> {
        if reply.status != StatusCode::OK || reply.is_secret {
            return None;
        }
        let ReplyBody::Written(body) = &reply.body else { return None };
        // The buffer that it was written into may have room for far more.
        Some(Self { body: Bytes::copy_from_slice(body), etag: reply.etag.clone() })
    }

    fn len(&self) -> usize {
        self.body.len()
    }
}

impl From<Answer> for Reply {
    fn from(Answer { body, etag }: Answer) -> Self {
        Reply { status: StatusCode::OK, body: ReplyBody::Written(body), etag, is_secret: false }
    }
}

/// The answers of one version.
#[derive(Default)]
pub(crate) struct Kept {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    version: u64,
    bytes: usize,
    answers: HashMap<String, Answer>,
}

impl Kept {
    /// The answer to this at that version.
    fn get(&self, version: u64, asked: &str) -> Option<Answer> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.version == version { held.answers.get(asked).cloned() } else { None }
    }

    /// Keeps an answer. Those of other versions go, and all of them when they are too much together.
    fn put(&self, version: u64, asked: String, answer: Answer) {
        let size = asked.len() + answer.len();
        if size > LARGEST {
            return;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.version > version {
            return;
        }
        let mut gone = Held::default();
        if held.version < version || held.bytes + size > MOST {
            gone = std::mem::replace(&mut *held, Held { version, ..Held::default() });
        }
        if held.answers.insert(asked, answer).is_none() {
            held.bytes += size;
        }
        drop(held);
        drop(gone);
    }
}

/// A request whose answer may be kept, at the version that stood when it came.
pub(crate) struct Asked {
    version: u64,
    path_and_query: String,
}

impl Asked {
    /// None when the answer may depend on more than what is read of the replica.
    pub(crate) fn of(store: &Store, head: &Parts, body: &Body, visit: &Visit) -> Option<Self> {
        let sees_all = visit.principal.as_ref().is_some_and(|principal| principal.limit.is_none());
        if head.method != Method::GET || !sees_all || !body.is_end_stream() || is_wanted_anew(&head.headers) {
            return None;
        }
        Some(Self { version: store.version()?, path_and_query: head.uri.path_and_query()?.as_str().to_owned() })
    }

    /// The answer, if it is there.
    pub(crate) fn answer(&self, kept: &Kept) -> Option<Answer> {
        kept.get(self.version, &self.path_and_query)
    }

    /// Keeps the answer that was read since.
    pub(crate) fn keep(self, kept: &Kept, reply: &Reply) {
        if let Some(answer) = Answer::of(reply) {
            kept.put(self.version, self.path_and_query, answer);
        }
    }
}

/// The directives with which a request refuses what was kept (RFC 9111, 5.2.1).
fn is_wanted_anew(headers: &HeaderMap) -> bool {
    let said = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    said.flat_map(|value| value.split(',')).any(|directive| {
        ["no-cache", "no-store", "max-age=0"].iter().any(|one| directive.trim().eq_ignore_ascii_case(one))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { body: Bytes::from(text.to_owned()), etag: None }
    }

    #[test]
    fn an_answer_holds_for_its_version_only() {
        let kept = Kept::default();
        kept.put(2, "/a".into(), answer("old"));
        assert_eq!(kept.get(2, "/a"), Some(answer("old")));
        assert_eq!(kept.get(4, "/a"), None);
        kept.put(4, "/b".into(), answer("new"));
        assert_eq!((kept.get(2, "/a"), kept.get(4, "/a")), (None, None));
        // What was read before that, and comes late.
        kept.put(2, "/b".into(), answer("late"));
        assert_eq!(kept.get(4, "/b"), Some(answer("new")));
    }

    #[test]
    fn what_is_kept_has_its_bounds() {
        let kept = Kept::default();
        kept.put(2, "/large".into(), answer(&"x".repeat(LARGEST)));
        assert_eq!(kept.get(2, "/large"), None);
        let (size, most) = (LARGEST / 2, MOST / (LARGEST / 2));
        for number in 0..=most {
            kept.put(2, format!("/{number}"), answer(&"x".repeat(size)));
            assert!(kept.get(2, &format!("/{number}")).is_some());
            assert!(kept.held.lock().unwrap().bytes <= MOST);
        }
    }

    #[test]
    fn a_request_can_refuse_what_is_kept() {
        let of = |value: &'static str| {
            is_wanted_anew(&[(header::CACHE_CONTROL, value.parse().unwrap())].into_iter().collect())
        };
        assert!(of("no-cache") && of("private, No-Store") && of("max-age=0"));
        assert!(!of("max-age=09") && !of("only-if-cached") && !is_wanted_anew(&HeaderMap::new()));
    }

    #[test]
    fn only_what_was_found_is_kept() {
        let found = Reply::bytes(StatusCode::OK, b"{}".to_vec()).tagged("\"1\"".into());
        let answer = Answer::of(&found).unwrap();
        assert_eq!(Reply::from(answer.clone()).etag.as_deref(), Some("\"1\""));
        assert_eq!(answer.body, "{}");
        let mut roomy = Vec::with_capacity(LARGEST);
        roomy.extend_from_slice(b"{}");
        let kept = Answer::of(&Reply::bytes(StatusCode::OK, roomy)).unwrap().body;
        assert!(kept.try_into_mut().unwrap().capacity() < 100, "no more than what it holds");
        assert_eq!(Answer::of(&Reply::bytes(StatusCode::NOT_FOUND, b"{}".to_vec())), None);
        assert_eq!(Answer::of(&Reply::bytes(StatusCode::OK, b"{}".to_vec()).secret()), None);
    }
}
