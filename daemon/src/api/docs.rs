//! `GET /api/docs`: the description for people. One page that loads nothing but the description, so that it works offline.

use std::sync::LazyLock;

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::route::{Content, Route, Scope, Work};
use crate::app::App;

/// Swagger UI as its makers ship it; see `assets/swagger-ui/README.md`.
const SCRIPT: &str = include_str!("../../assets/swagger-ui/swagger-ui-bundle.js");
const STYLE: &str = include_str!("../../assets/swagger-ui/swagger-ui.css");
const START: &str = "SwaggerUIBundle({ url: '/api/openapi.json', dom_id: '#ui', deepLinking: true, \
                     validatorUrl: null, docExpansion: 'none', filter: true });";

/// The page's route.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/docs", "docs", Work::Open(serve))
            .about("docs", "The API's description for people; works offline")
            .scope(Scope::Open)
            .gives(StatusCode::OK, Content::Text("text/html")),
    ]
}

struct Page {
    html: String,
    policy: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let script = SCRIPT.replace("</script", "<\\/script");
    let source = |script: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)));
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(&script),
        source(START)
    );
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>ClaudeTools API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body><div id=\"ui\"></div><script>{script}</script><script>{START}</script></body></html>"
    );
    Page { html, policy }
});

fn serve(_: &App) -> Response {
    let page = &*PAGE;
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, page.policy.as_str())];
    (headers, page.html.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let page = &*PAGE;
        assert!(!STYLE.contains("@import") && !STYLE.contains("url(http"));
        assert!(page.policy.starts_with("default-src 'none'") && page.policy.contains("connect-src 'self'"));
        assert_eq!(page.html.matches("</script>").count(), 2, "no script ends before its end");
        assert!(!page.html.contains("<script src") && !page.html.contains("<link"));
    }
}
