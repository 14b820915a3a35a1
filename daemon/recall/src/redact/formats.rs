//! What tokens, keys and passwords of known makers look like. Exact formats only: what merely may be a secret is judged in
//! [`super::plausible`].

use regex::Captures;

use super::plausible::{self, always};

/// Kind, hints of which a text must hold one, pattern, and what its match must also be.
pub(super) type Format = (&'static str, &'static [&'static str], &'static str, fn(&Captures<'_>) -> bool);

/// Of clouds and hosts.
pub(super) const CLOUDS: &[Format] = &[
    ("alibaba-key", &["LTAI"], r"(?-u:\b)LTAI[A-Za-z0-9]{12,20}(?-u:\b)", plausible::is_random),
    ("aws-bedrock-key", &["ABSK"], r"(?-u:\b)ABSK[A-Za-z0-9+/]{109,269}={0,2}", always),
    (
        "azure-secret",
        &["0Q~", "1Q~", "2Q~", "3Q~", "4Q~", "5Q~", "6Q~", "7Q~", "8Q~", "9Q~"],
        r"(?-u:\b)[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
        always,
    ),
    ("cloudflare-key", &["v1.0-"], r"(?-u:\b)v1\.0-[a-f0-9]{24}-[a-f0-9]{146}(?-u:\b)", always),
    ("databricks-token", &["dapi"], r"(?-u:\b)dapi[a-f0-9]{32}(?:-[0-9])?(?-u:\b)", always),
    (
        "doppler-token",
        &["dp."],
        r"(?-u:\b)dp\.(?:pt|ct|sa|scim|audit|st\.[a-z0-9_-]{2,35}|st)\.[A-Za-z0-9]{40,44}(?-u:\b)",
        always,
    ),
    (
        "fly-token",
        &["fo1_", "fm1", "fm2"],
        r"(?-u:\b)(?:fo1_[A-Za-z0-9_-]{43}|fm[12][ar]?_[A-Za-z0-9+/_-]{100,}={0,3})",
        always,
    ),
    (
        "harness-token",
        &["pat.", "sat."],
        r"(?-u:\b)[ps]at\.[A-Za-z0-9_-]{22}\.[a-f0-9]{24}\.[A-Za-z0-9]{20}(?-u:\b)",
        always,
    ),
    ("heroku-key", &["HRKU-"], r"(?-u:\b)HRKU-[A-Za-z0-9_-]{36,66}", always),
    ("infracost-key", &["ico-"], r"(?-u:\b)ico-[A-Za-z0-9]{32}(?-u:\b)", plausible::is_random),
    (
        "linode-token",
        &["linode"],
        r#"(?i)(?-u:\b)linode[a-z_-]{0,12}["']?\s*[:=]\s*["']?(?P<secret>[a-f0-9]{64})(?-u:\b)"#,
        always,
    ),
    ("openshift-token", &["sha256~"], r"(?-u:\b)sha256~[A-Za-z0-9_-]{43}", always),
    ("planetscale-key", &["pscale_"], r"(?-u:\b)pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}", always),
    ("prefect-key", &["pnu_", "pnb_"], r"(?-u:\b)pn[ub]_[A-Za-z0-9]{36}(?-u:\b)", always),
    ("pulumi-token", &["pul-"], r"(?-u:\b)pul-[a-f0-9]{40}(?-u:\b)", always),
    ("scaleway-key", &["SCW"], r"(?-u:\b)SCW[A-Z0-9]{17}(?-u:\b)", plausible::has_digit),
    ("supabase-key", &["sbp_", "sb_secret_"], r"(?-u:\b)(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{22,})", always),
    ("tailscale-key", &["tskey-"], r"(?-u:\b)tskey-[a-z]+-[A-Za-z0-9]{6,}(?:-[A-Za-z0-9]{10,})?", always),
    ("terraform-token", &[".atlasv1."], r"(?-u:\b)[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", always),
    ("vault-token", &["hvb.", "hvr."], r"(?-u:\b)hv[br]\.[A-Za-z0-9_-]{24,}", always),
    ("yandex-key", &["AQVN", "YCAJ"], r"(?-u:\b)(?:AQVN[A-Za-z0-9_-]{35,38}|YCAJ[A-Za-z0-9_-]{21})", always),
];

/// Of tools for developers, and registries of packages.
pub(super) const TOOLS: &[Format] = &[
    (
        "artifactory-key",
        &["AKCp", "cmVmdGtu"],
        r"(?-u:\b)(?:AKCp[A-Za-z0-9]{69}|cmVmdGtu[A-Za-z0-9]{56})(?-u:\b)",
        always,
    ),
    (
        "atlassian-token",
        &["ATATT3", "ATCTT3", "ATBB"],
        r"(?-u:\b)(?:AT[AC]TT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{32})",
        always,
    ),
    ("azure-devops-token", &["AZDO"], r"(?-u:\b)[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?-u:\b)", always),
    ("buildkite-token", &["bkua_", "bkct_"], r"(?-u:\b)bk(?:ua|ct)_[a-z0-9]{40}(?-u:\b)", always),
    ("circleci-token", &["CCIPAT_"], r"(?-u:\b)CCIPAT_[A-Za-z0-9]{22}_[a-f0-9]{40}(?-u:\b)", always),
    ("clojars-token", &["CLOJARS_"], r"(?-u:\b)CLOJARS_[a-z0-9]{60}(?-u:\b)", always),
    ("deno-token", &["ddp_", "ddw_"], r"(?-u:\b)dd[pw]_[A-Za-z0-9]{36}(?-u:\b)", always),
    ("docker-token", &["dckr_pat_", "dckr_oat_"], r"(?-u:\b)dckr_[op]at_[A-Za-z0-9_-]{27,}", always),
    ("dynatrace-token", &["dt0"], r"(?-u:\b)dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}(?-u:\b)", always),
    ("figma-token", &["figd_"], r"(?-u:\b)figd_[A-Za-z0-9_-]{40,}", always),
    (
        "grafana-token",
        &["glc_", "glsa_"],
        r"(?-u:\b)(?:glc_[A-Za-z0-9+/]{32,400}={0,3}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})",
        always,
    ),
    (
        "launchdarkly-key",
        &["sdk-", "api-", "mob-"],
        r"(?-u:\b)(?:sdk|api|mob)-[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}(?-u:\b)",
        always,
    ),
    ("linear-key", &["lin_api_", "lin_oauth_"], r"(?-u:\b)lin_(?:api|oauth)_[A-Za-z0-9]{40,64}(?-u:\b)", always),
    ("netlify-token", &["nfp_", "nfc_"], r"(?-u:\b)nf[pc]_[A-Za-z0-9]{36,40}(?-u:\b)", always),
    (
        "new-relic-key",
        &["NRAK-", "NRII-", "NRJS-", "NRIQ-"],
        r"(?-u:\b)NR(?:AK|II|JS|IQ)-[A-Za-z0-9_-]{19,32}",
        plausible::has_digit,
    ),
    ("nuget-key", &["oy2"], r"(?-u:\b)oy2[a-z0-9]{43}(?-u:\b)", plausible::has_digit),
    ("octopus-key", &["API-"], r"(?-u:\b)API-[A-Z0-9]{26,32}(?-u:\b)", plausible::has_digit),
    ("postman-key", &["PMAK-"], r"(?-u:\b)PMAK-[a-f0-9]{24}-[a-f0-9]{34}(?-u:\b)", always),
    ("readme-key", &["rdme_"], r"(?-u:\b)rdme_[a-z0-9]{70}(?-u:\b)", always),
    ("rubygems-key", &["rubygems_"], r"(?-u:\b)rubygems_[a-f0-9]{48}(?-u:\b)", always),
    ("sentry-token", &["sntrys_", "sntryu_"], r"(?-u:\b)(?:sntryu_[a-f0-9]{64}|sntrys_[A-Za-z0-9+/=_-]{60,})", always),
    ("sonar-token", &["sqp_", "sqa_", "squ_"], r"(?-u:\b)sq[pau]_[a-f0-9]{40}(?-u:\b)", always),
    ("sourcegraph-token", &["sgp_"], r"(?-u:\b)sgp_(?:[a-fA-F0-9]{16}_)?[a-fA-F0-9]{40}(?-u:\b)", always),
    ("vercel-token", &["vcp_", "vck_"], r"(?-u:\b)vc[pk]_[A-Za-z0-9]{24,64}(?-u:\b)", plausible::is_random),
];

/// Of services that send, pay, store and think.
pub(super) const SERVICES: &[Format] = &[
    ("1password-token", &["ops_eyJ"], r"(?-u:\b)ops_eyJ[A-Za-z0-9+/_-]{80,}={0,3}", always),
    (
        "1password-key",
        &["A3-"],
        r"(?-u:\b)A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}(?-u:\b)",
        always,
    ),
    ("adobe-secret", &["p8e-"], r"(?-u:\b)p8e-[A-Za-z0-9_-]{32}(?-u:\b)", always),
    ("airtable-token", &["pat"], r"(?-u:\b)pat[A-Za-z0-9]{14}\.[a-f0-9]{64}(?-u:\b)", always),
    ("contentful-token", &["CFPAT-"], r"(?-u:\b)CFPAT-[A-Za-z0-9_-]{43}", always),
    (
        "discord-token",
        &["discord", "Discord", "DISCORD"],
        r"(?-u:\b)[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}(?-u:\b)",
        plausible::is_random,
    ),
    ("discord-webhook", &["/api/webhooks/"], r"/api/webhooks/[0-9]{17,20}/(?P<secret>[A-Za-z0-9_-]{60,72})", always),
    ("dropbox-token", &["sl."], r"(?-u:\b)sl\.(?:u\.)?[A-Za-z0-9_-]{120,}", always),
    ("duffel-token", &["duffel_"], r"(?-u:\b)duffel_(?:test|live)_[A-Za-z0-9_=-]{43}", always),
    ("easypost-key", &["EZAK", "EZTK"], r"(?-u:\b)EZ[AT]K[A-Za-z0-9]{54}(?-u:\b)", always),
    ("facebook-token", &["EAA"], r"(?-u:\b)EAA[A-Za-z0-9]{90,}(?-u:\b)", plausible::is_random),
    ("flutterwave-key", &["FLWSECK"], r"(?-u:\b)FLWSECK(?:_TEST)?-[a-h0-9]{12,32}(?:-X)?(?-u:\b)", always),
    ("frameio-token", &["fio-u-"], r"(?-u:\b)fio-u-[A-Za-z0-9_=-]{64}", always),
    ("groq-key", &["gsk_"], r"(?-u:\b)gsk_[A-Za-z0-9]{48,56}(?-u:\b)", always),
    (
        "hubspot-token",
        &["pat-"],
        r"(?-u:\b)pat-(?:na|eu)[0-9]-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}(?-u:\b)",
        always,
    ),
    ("intercom-token", &["dG9rO"], r"(?-u:\b)dG9rO[A-Za-z0-9+/]{50,}={0,2}", always),
    ("mailchimp-key", &["-us"], r"(?-u:\b)[a-f0-9]{32}-us[0-9]{1,2}(?-u:\b)", always),
    ("mailgun-key", &["key-", "pubkey-"], r"(?-u:\b)(?:pub)?key-[a-f0-9]{32}(?-u:\b)", always),
    ("mapbox-token", &["sk.eyJ", "tk.eyJ"], r"(?-u:\b)[st]k\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}", always),
    (
        "notion-token",
        &["ntn_", "secret_"],
        r"(?-u:\b)(?:ntn_[A-Za-z0-9]{43,50}|secret_[A-Za-z0-9]{43})(?-u:\b)",
        plausible::is_random,
    ),
    ("perplexity-key", &["pplx-"], r"(?-u:\b)pplx-[A-Za-z0-9]{40,56}(?-u:\b)", always),
    ("replicate-token", &["r8_"], r"(?-u:\b)r8_[A-Za-z0-9]{37,40}(?-u:\b)", always),
    (
        "sendinblue-key",
        &["xkeysib-", "xsmtpsib-"],
        r"(?-u:\b)x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}(?-u:\b)",
        always,
    ),
    ("shippo-token", &["shippo_"], r"(?-u:\b)shippo_(?:live|test)_[a-fA-F0-9]{40}(?-u:\b)", always),
    (
        "shopify-token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"(?-u:\b)shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}(?-u:\b)",
        always,
    ),
    ("square-token", &["sq0atp-", "sq0csp-", "sq0idp-"], r"(?-u:\b)sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}", always),
    (
        "teams-webhook",
        &["webhook.office.com"],
        r"webhook\.office\.com/webhookb2/(?P<secret>[A-Za-z0-9@/_-]{60,})",
        always,
    ),
    ("typeform-token", &["tfp_"], r"(?-u:\b)tfp_[A-Za-z0-9_.=-]{44,60}", always),
    ("xai-key", &["xai-"], r"(?-u:\b)xai-[A-Za-z0-9]{70,90}(?-u:\b)", always),
    ("zoho-token", &["1000."], r"(?-u:\b)1000\.[a-f0-9]{32}\.[a-f0-9]{32}(?-u:\b)", always),
];

/// Not of one maker: what files and commands hold passwords in.
pub(super) const PLACES: &[Format] = &[
    (
        "password-hash",
        &["$2a$", "$2b$", "$2y$", "$argon2", "$6$", "$5$", "$y$"],
        r"\$(?:2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}|argon2(?:id|i|d)\$[A-Za-z0-9=,+/$]{40,}|[56]\$(?:rounds=[0-9]+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}|y\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43})",
        always,
    ),
    (
        "netrc-password",
        &["password"],
        r"(?-u:\b)machine\s+\S+\s+login\s+\S+\s+password\s+(?P<secret>\S{3,})",
        plausible::is_value,
    ),
    (
        "pgpass",
        &[":5432:", ":5433:", ":*:"],
        r"(?m)^[A-Za-z0-9.*_-]+:(?:[0-9]{2,5}|\*):[A-Za-z0-9_*-]+:[A-Za-z0-9_*-]+:(?P<secret>\S{4,})$",
        plausible::is_value,
    ),
    ("sshpass", &["sshpass"], r#"(?-u:\b)sshpass\s+-p\s*(?P<secret>"[^"\n]+"|'[^'\n]+'|\S{3,})"#, plausible::is_value),
    (
        "mysql-password",
        &["mysql", "mariadb"],
        r"(?-u:\b)(?:mysql|mariadb)[a-z-]*(?:\s+-{1,2}[A-Za-z][^\s]*(?:\s+[A-Za-z0-9_.]+)??)*?\s+-p(?P<secret>[^\s'-][^\s']{3,})",
        plausible::is_value,
    ),
    (
        "cookie",
        &["cookie:"],
        r"(?i)(?:set-)?cookie:\s*(?P<secret>[^\s=;]+=[A-Za-z0-9%._~+/|:-]{16,}[^\r\n]*)",
        plausible::has_digit,
    ),
    (
        "session-id",
        &["PHPSESSID", "JSESSIONID", "connect.sid", "sessionid"],
        r"(?-u:\b)(?:PHPSESSID|JSESSIONID|connect\.sid|sessionid)=(?P<secret>[A-Za-z0-9%._-]{16,})",
        plausible::has_digit,
    ),
    (
        "signed-url",
        &["X-Amz-Signature=", "sig=", "Signature="],
        r"[?&](?:X-Amz-Signature|sig|Signature)=(?P<secret>[A-Za-z0-9%+/_-]{20,}={0,2})",
        always,
    ),
    ("totp-secret", &["otpauth://"], r"otpauth://[^\s]*[?&]secret=(?P<secret>[A-Z2-7]{16,})", always),
    (
        "wireguard-key",
        &["presharedkey", "privatekey"],
        r"(?i)(?-u:\b)(?:private|preshared)key\s*=\s*(?P<secret>[A-Za-z0-9+/]{42,43}=)",
        always,
    ),
];
