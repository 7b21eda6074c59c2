//! Walks every route of the OpenAPI document: with no token and with wrong ones, with a token that lacks the scope, with
//! the token of another tenant, and with one that may. A route without a row here fails the walk.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderValue;
use axum::http::request::Builder;
use proto::id::Digest;
use proto::job::Priority;
use queue::WorkerLink;

use super::*;
use crate::testing::{judge_one, registration};
use crate::time::now_ms;

/// Stands in everything that is the first tenant's own.
const MARK: &str = "mark-of-tenant-a";
/// What people of a tenant may have.
const PEOPLE: [Scope; 4] = [Scope::Submit, Scope::Read, Scope::Judge, Scope::Problems];
/// Changed by the sender of deliveries, at its own pace.
const RESTLESS: [&str; 2] = ["webhooks", "webhook_tries"];

/// What a token of another tenant gets, with every scope the route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stranger {
    /// 404: the thing is not there.
    Hidden,
    /// 200 and a list of its own things.
    OwnList,
    /// What belongs to no tenant, with this status.
    Shared(u16),
    /// A thing of its own, with this status.
    Own(u16),
    /// 403: the scope is not a tenant's.
    Operators,
}
use Stranger::{Hidden, Operators, Own, OwnList, Shared};

/// Method, path, the scope it needs, what a stranger gets, and the status of who may.
type Route = (&'static str, &'static str, Option<Scope>, Stranger, u16);

/// In an order in which the owner can do all of it once.
const ROUTES: &[Route] = &[
    ("GET", "/healthz", None, Shared(200), 200),
    ("GET", "/readyz", None, Shared(200), 200),
    ("GET", "/metrics", Some(Scope::Read), Shared(200), 200),
    ("GET", "/api/v1/openapi.json", Some(Scope::Read), Shared(200), 200),
    ("GET", "/api/v1/languages", Some(Scope::Read), Shared(200), 200),
    ("GET", "/api/v1/queue", Some(Scope::Read), Shared(200), 200),
    ("GET", "/api/v1/workers", Some(Scope::Read), Shared(200), 200),
    ("POST", "/api/v1/workers/{id}/cordon", Some(Scope::Admin), Operators, 200),
    ("POST", "/api/v1/workers/{id}/drain", Some(Scope::Admin), Operators, 200),
    ("POST", "/api/v1/workers/{id}/uncordon", Some(Scope::Admin), Operators, 200),
    ("GET", "/api/v1/problems", Some(Scope::Read), Shared(200), 200),
    ("GET", "/api/v1/problems/{name}", Some(Scope::Read), Shared(200), 200),
    ("POST", "/api/v1/problems", Some(Scope::Problems), Shared(200), 200),
    ("POST", "/api/v1/problems/{name}/activate", Some(Scope::Problems), Shared(200), 200),
    ("PUT", "/api/v1/blobs/{digest}", Some(Scope::Submit), Own(204), 204),
    ("POST", "/api/v1/submissions", Some(Scope::Submit), Own(201), 201),
    ("POST", "/api/v1/submissions/batch", Some(Scope::Submit), Own(201), 201),
    ("GET", "/api/v1/submissions", Some(Scope::Read), OwnList, 200),
    ("GET", "/api/v1/submissions/{id}", Some(Scope::Read), Hidden, 200),
    ("GET", "/api/v1/submissions/{id}/events", Some(Scope::Read), Hidden, 200),
    ("GET", "/api/v1/submissions/{id}/judgements", Some(Scope::Read), Hidden, 200),
    ("POST", "/api/v1/rejudges", Some(Scope::Judge), Hidden, 201),
    ("GET", "/api/v1/rejudges", Some(Scope::Judge), OwnList, 200),
    ("GET", "/api/v1/rejudges/{id}", Some(Scope::Judge), Hidden, 200),
    // It is not through.
    ("POST", "/api/v1/rejudges/{id}/apply", Some(Scope::Judge), Hidden, 409),
    ("POST", "/api/v1/rejudges/{id}/cancel", Some(Scope::Judge), Hidden, 200),
    ("POST", "/api/v1/webhooks/secret", Some(Scope::Judge), Own(201), 201),
    ("GET", "/api/v1/webhooks", Some(Scope::Judge), OwnList, 200),
    ("GET", "/api/v1/webhooks/{id}", Some(Scope::Judge), Hidden, 200),
    ("POST", "/api/v1/webhooks/{id}/replay", Some(Scope::Judge), Hidden, 202),
    ("PUT", "/api/v1/holds/{kind}/{name}", Some(Scope::Admin), Operators, 200),
    ("GET", "/api/v1/holds", Some(Scope::Admin), Operators, 200),
    ("DELETE", "/api/v1/holds/{kind}/{name}", Some(Scope::Admin), Operators, 204),
    ("PUT", "/api/v1/tenants/{name}", Some(Scope::Admin), Operators, 200),
    ("GET", "/api/v1/tenants", Some(Scope::Admin), Operators, 200),
    ("POST", "/api/v1/tokens", Some(Scope::Admin), Operators, 201),
    ("GET", "/api/v1/tokens", Some(Scope::Admin), Operators, 200),
    ("DELETE", "/api/v1/tokens/{id}", Some(Scope::Admin), Operators, 200),
    ("GET", "/api/v1/audit", Some(Scope::Admin), Operators, 200),
    ("POST", "/internal/v1/workers", Some(Scope::Worker), Operators, 204),
    ("POST", "/internal/v1/workers/{id}/heartbeat", Some(Scope::Worker), Operators, 200),
    ("POST", "/internal/v1/judgements/{id}/claim", Some(Scope::Worker), Operators, 200),
    ("PUT", "/internal/v1/blobs/{digest}", Some(Scope::Worker), Operators, 204),
    ("GET", "/internal/v1/blobs/{digest}", Some(Scope::Worker), Operators, 200),
    ("POST", "/api/v1/submissions/{id}/cancel", Some(Scope::Submit), Hidden, 200),
    ("DELETE", "/api/v1/submissions/{id}", Some(Scope::Submit), Hidden, 204),
];

/// A service with something of everything of tenant `a`'s, whose name and words hold [`MARK`].
struct World {
    site: Site,
    tenant: String,
    /// Token of `a`.
    own: String,
    /// One that is done, one of each of the other states, and one to be claimed.
    submissions: Vec<String>,
    waiting: String,
    judgements: Vec<String>,
    deliveries: Vec<String>,
    rejudges: Vec<String>,
    tokens: Vec<String>,
    worker: String,
    upload: Digest,
    problem: Value,
    package: Vec<u8>,
}

impl World {
    async fn new(mut site: Site) -> Self {
        let tenant = format!("{MARK}-tenant");
        let token = async |name: &str, expires: Option<i64>| {
            let (tenant, scopes) = (tenant.clone(), PEOPLE.to_vec());
            let new = NewToken { name: name.into(), tenant, scopes, priority: Priority::Contest, expires };
            site.app.store.new_token(&new, now_ms()).await.unwrap()
        };
        let ((_, own), (spare, _)) = (token(MARK, None).await, token(MARK, None).await);
        let WorkerLink { mut jobs, reports, events, coordinator } = site.link.take().unwrap();
        let me = registration("walker", &["cpp"]);
        coordinator.register(&me).await.unwrap();
        let mut world = Self {
            site,
            tenant,
            own,
            submissions: vec![],
            waiting: String::new(),
            judgements: vec![],
            deliveries: vec![],
            rejudges: vec![],
            tokens: vec![spare],
            worker: me.id.to_string(),
            upload: Digest::of(MARK.as_bytes()),
            problem: Value::Null,
            package: problem::pack_zip(
                &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/problems/aplusb"),
            )
            .unwrap(),
        };
        let admin = world.site.admin.clone();
        let package = Request::post("/api/v1/problems?name=walk").header("content-type", "application/zip");
        let package = package.header("authorization", format!("Bearer {admin}"));
        let installed = world.site.send(package.body(Body::from(world.package.clone())).unwrap()).await;
        world.problem = installed.json();
        world.made("POST", "/api/v1/webhooks/secret", None).await;
        let done = world.submit(json!({"callback_url": format!("https://192.0.2.1.example/{MARK}")})).await;
        judge_one(&*coordinator, &*reports, &*events, me.id, jobs.next().await.unwrap()).await;
        let hold = json!({"reason": MARK});
        world.site.ask("PUT", "/api/v1/holds/problem/walk", Some(&admin), Some(hold)).await;
        let held = world.submit(json!({"problem": "walk", "tests": null})).await;
        let cancelled =
            world.submit(json!({"callback_url": format!("https://192.0.2.1.example/{MARK}")})).await;
        world.made("POST", &format!("{SUBMISSIONS}/{cancelled}/cancel"), None).await;
        let queued = world.submit(json!({})).await;
        world.waiting = world.submit(json!({})).await;
        world.submissions = vec![done.clone(), queued, held, cancelled, world.waiting.clone()];
        for id in &world.submissions {
            let row = world.site.app.store.submission(id.parse().unwrap(), None).await.unwrap().unwrap();
            world.judgements.push(row.judgement.to_string());
        }
        for _ in 0..2 {
            let again = json!({"select": {"submissions": [done]}, "reason": MARK});
            let made = world.made("POST", "/api/v1/rejudges", Some(again)).await;
            world.rejudges.push(made["id"].as_str().unwrap().to_owned());
        }
        let uploaded =
            world.request("PUT", "/api/v1/blobs/{digest}", &bearer(&world.own), &world.upload.to_string());
        assert_eq!(world.site.send(uploaded).await.status, StatusCode::NO_CONTENT);
        let deliveries = world.made("GET", "/api/v1/webhooks", None).await;
        let deliveries = deliveries.as_array().unwrap().iter();
        world.deliveries = deliveries.map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(world.deliveries.len(), 2);
        world
    }

    /// Something the owner makes.
    async fn made(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.site.ask(method, path, Some(&self.own), body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        answer.json()
    }

    async fn submit(&self, changes: Value) -> String {
        let mut sent = json!({
            "language": "cpp", "files": [{"name": "a.cpp", "content": format!("// {MARK}")}],
            "tests": [{"stdin": MARK, "expected_output": MARK}],
            "external_id": MARK, "participant": MARK, "labels": [MARK],
        });
        for (key, value) in changes.as_object().unwrap() {
            sent[key] = value.clone();
        }
        self.made("POST", SUBMISSIONS, Some(sent)).await["id"].as_str().unwrap().to_owned()
    }

    /// What the braces of a path stand for, the one that the owner asks for first.
    fn things(&self, path: &str) -> Vec<String> {
        let some = |list: &[String], first: usize| {
            let mut list = list.to_vec();
            list.swap(0, first);
            list
        };
        match path {
            "/api/v1/submissions/{id}/cancel" => some(&self.submissions, 1),
            "/api/v1/submissions/{id}"
            | "/api/v1/submissions/{id}/events"
            | "/api/v1/submissions/{id}/judgements" => self.submissions.clone(),
            "/api/v1/rejudges/{id}/cancel" => some(&self.rejudges, 1),
            p if p.starts_with("/api/v1/rejudges/{id}") => self.rejudges.clone(),
            p if p.starts_with("/api/v1/webhooks/{id}") => self.deliveries.clone(),
            "/internal/v1/judgements/{id}/claim" => some(&self.judgements, 4),
            p if p.contains("/workers/{id}/") => vec![self.worker.clone()],
            "/api/v1/tokens/{id}" => self.tokens.clone(),
            p if p.ends_with("/{digest}") => vec![self.upload.to_string()],
            p if p.starts_with("/api/v1/problems/{name}") => vec!["walk".to_owned()],
            "/api/v1/holds/{kind}/{name}" => vec!["problem/walk".to_owned()],
            "/api/v1/tenants/{name}" => vec![self.tenant.clone()],
            p => {
                assert!(!p.contains('{'), "{p} names something this world has not");
                vec![String::new()]
            }
        }
    }

    /// A request that is right in all but, maybe, who asks.
    fn request(&self, method: &str, path: &str, auth: &Auth, thing: &str) -> Request<Body> {
        let uri = match (path.find('{'), path.rfind('}')) {
            (Some(from), Some(to)) => format!("{}{thing}{}", &path[..from], &path[to + 1..]),
            _ => path.to_owned(),
        };
        let uri =
            if path == "/api/v1/problems" && method == "POST" { format!("{uri}?name=walk") } else { uri };
        let json = |value: Value| ("application/json", value.to_string().into_bytes());
        let (kind, bytes) = match (method, path) {
            ("POST", "/api/v1/submissions") => json(body()),
            ("POST", "/api/v1/submissions/batch") => json(json!([body(), body()])),
            ("POST", "/api/v1/problems") => ("application/zip", self.package.clone()),
            ("POST", "/api/v1/problems/{name}/activate") => json(json!({"digest": self.problem["digest"]})),
            ("POST", "/api/v1/rejudges") => json(json!({"select": {"submissions": [self.submissions[0]]}})),
            ("PUT", "/api/v1/holds/{kind}/{name}") => json(json!({"reason": MARK})),
            ("PUT", "/api/v1/tenants/{name}") => json(json!({"per_minute": 1000})),
            ("POST", "/api/v1/tokens") => {
                json(json!({"name": MARK, "tenant": self.tenant, "scopes": ["read"]}))
            }
            ("POST", "/internal/v1/workers") => {
                json(serde_json::to_value(registration("other", &["cpp"])).unwrap())
            }
            ("POST", "/internal/v1/workers/{id}/heartbeat") => json(json!({"running": []})),
            ("POST", "/internal/v1/judgements/{id}/claim") => {
                json(json!({"worker_id": self.worker, "redelivered": false}))
            }
            ("PUT", _) => ("application/octet-stream", MARK.as_bytes().to_vec()),
            _ => ("", Vec::new()),
        };
        let mut request = auth(Request::builder().method(method).uri(uri).header("host", "127.0.0.1"));
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        request.body(Body::from(bytes)).unwrap()
    }

    /// Whether an answer shows anything of the owner's.
    fn shows(&self, answer: &Answer) -> Option<String> {
        let rows = [&self.submissions, &self.judgements, &self.deliveries, &self.rejudges, &self.tokens];
        let ids = rows.into_iter().flatten().map(String::as_str);
        let headers = format!("{:?}", answer.headers);
        ids.chain([MARK, SECRET, &self.own])
            .find(|word| answer.text.contains(word) || headers.contains(word))
            .map(str::to_owned)
    }

    /// Every row that stays as it is while nobody changes anything.
    async fn rows(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut rows = self.site.app.store.dump().await;
        rows.retain(|table, _| !RESTLESS.contains(&table.as_str()));
        assert!(["submissions", "audit", "tokens"].iter().all(|table| !rows[*table].is_empty()));
        rows
    }
}

type Auth = Box<dyn Fn(Builder) -> Builder>;

fn authorization(value: impl Into<Vec<u8>>) -> Auth {
    let value = HeaderValue::from_bytes(&value.into()).unwrap();
    Box::new(move |request| request.header("authorization", value.clone()))
}

fn bearer(token: &str) -> Auth {
    authorization(format!("Bearer {token}"))
}

/// On a public address, on every kind of store.
async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for site in Site::on_every_store(|config| config.listen = "0.0.0.0:0".parse().unwrap()).await {
        worlds.push(World::new(site).await);
    }
    worlds
}

#[test]
fn every_route_of_the_document_has_its_row_in_the_walk() {
    let document: Value = serde_json::from_str(&super::super::openapi_json()).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|m| (m.to_uppercase(), path.clone())));
    }
    let walked: Vec<_> =
        ROUTES.iter().map(|(method, path, ..)| (method.to_string(), path.to_string())).collect();
    assert_eq!(walked.len(), walked.iter().collect::<BTreeSet<_>>().len(), "none twice");
    assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), described);
}

#[tokio::test]
async fn every_route_refuses_who_is_nobody_and_who_may_not_and_stores_nothing() {
    for world in worlds().await {
        let store = &world.site.app.store;
        let token = async |scopes: &[Scope], expires: Option<i64>| {
            let (name, tenant, scopes) = ("t".into(), world.tenant.clone(), scopes.to_vec());
            let new = NewToken { name, tenant, scopes, priority: Priority::Contest, expires };
            store.new_token(&new, now_ms() - 10_000).await.unwrap()
        };
        let (_, expired) = token(&Scope::ALL, Some(now_ms() - 1)).await;
        let (id, revoked) = token(&Scope::ALL, None).await;
        store.revoke_token(&id, now_ms()).await.unwrap();
        let (_, good) = token(&Scope::ALL, None).await;
        let nobody: Vec<(&str, Auth)> = vec![
            ("none", Box::new(|request| request)),
            ("empty", authorization("")),
            ("a scheme alone", authorization("Bearer")),
            ("an empty one", authorization("Bearer ")),
            ("another scheme", authorization(format!("Basic {good}"))),
            ("no scheme", authorization(good.as_str())),
            ("no text", authorization(b"Bearer \xff\xfe".as_slice())),
            ("too long", bearer(&"x".repeat(10_000))),
            ("unknown", bearer("trb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
            ("nearly one", bearer(&good[..good.len() - 1])),
            ("one and more", bearer(&format!("{good}x"))),
            ("expired", bearer(&expired)),
            ("taken back", bearer(&revoked)),
        ];
        let mut lacking = BTreeMap::new();
        for scope in Scope::ALL {
            // Admin is every person's scope.
            let without = |s: &Scope| *s != scope && (*s != Scope::Admin || scope == Scope::Worker);
            let (_, text) = token(&Scope::ALL.into_iter().filter(without).collect::<Vec<_>>(), None).await;
            lacking.insert(scope, bearer(&text));
        }
        let before = world.rows().await;
        let mut wrong = Vec::new();
        for (method, path, needs, ..) in ROUTES {
            let Some(scope) = needs else {
                let answer = world.site.send(world.request(method, path, &nobody[0].1, "")).await;
                assert_eq!(answer.status, StatusCode::OK, "{path}");
                continue;
            };
            let wanted = nobody.iter().map(|(who, auth)| (*who, auth, 401, "unauthorized"));
            let wanted = wanted.chain([(scope.name(), &lacking[scope], 403, "forbidden")]);
            for (who, auth, status, code) in wanted {
                let thing = world.things(path).swap_remove(0);
                let answer = world.site.send(world.request(method, path, auth, &thing)).await;
                let right = answer.status == status
                    && answer.code() == code
                    && answer.headers.contains_key("www-authenticate") == (status == 401)
                    && world.shows(&answer).is_none();
                if !right {
                    wrong.push(format!("{method} {path}, {who}: {} {}", answer.status, answer.text));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(world.rows().await, before, "something was stored");
    }
}

/// What a stranger got that is not as it must be.
async fn stranger_walks(world: &World, stranger: &Auth) -> Vec<String> {
    let mut wrong = Vec::new();
    for (method, path, _, gets, _) in ROUTES {
        for thing in world.things(path) {
            let answer = world.site.send(world.request(method, path, stranger, &thing)).await;
            let wanted = match gets {
                Hidden => 404,
                OwnList => 200,
                Operators => 403,
                Shared(status) | Own(status) => *status,
            };
            let coded = match gets {
                Hidden => answer.status != 404 || answer.code() == "not_found",
                Operators => answer.status != 403 || answer.code() == "forbidden",
                OwnList | Shared(_) | Own(_) => true,
            };
            if answer.status != wanted || !coded {
                wrong.push(format!("{method} {path} {thing}: {} {}", answer.status, answer.text));
            }
            if let Some(word) = world.shows(&answer) {
                wrong.push(format!("{method} {path} {thing} shows {word}: {}", answer.text));
            }
        }
    }
    wrong
}

/// Other ways to ask for what is another's: path and query, with the code of the refusal, or none for an empty list.
fn side_doors(world: &World) -> Vec<(String, Option<&'static str>)> {
    let (done, waiting) = (&world.submissions[0], &world.waiting);
    let mut doors: Vec<(String, Option<&'static str>)> = vec![
        (format!("{SUBMISSIONS}/{done}?wait=true"), Some("not_found")),
        (format!("{SUBMISSIONS}/{waiting}?wait=true"), Some("not_found")),
        (format!("/api/v1/webhooks?submission={done}"), None),
    ];
    for filter in ["external_id", "participant", "label"] {
        doors.push((format!("{SUBMISSIONS}?{filter}={MARK}"), None));
    }
    for filter in ["state=done", "state=held", "verdict=WA", "problem=walk", "language=cpp&state=cancelled"] {
        doors.push((format!("{SUBMISSIONS}?{filter}"), None));
    }
    doors
}

#[tokio::test]
async fn another_tenants_rows_are_not_there_on_any_route() {
    let mut worlds = worlds().await;
    // On loopback, who sends no token is a tenant, too.
    worlds.push(World::new(Site::start(false).await).await);
    for world in worlds {
        let site = &world.site;
        let stranger: Auth = if site.app.loopback {
            Box::new(|request| request)
        } else {
            bearer(&site.app.store.create_token("b", "b", &PEOPLE, 0).await.unwrap())
        };
        let ask = async |method: &str, path: &str, body: Option<Value>, key: Option<&str>| {
            let mut request =
                stranger(Request::builder().method(method).uri(path).header("host", "127.0.0.1"));
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
            site.send(request.header("content-type", "application/json").body(body).unwrap()).await
        };
        let before = world.rows().await;
        for (path, code) in side_doors(&world) {
            let answer = ask("GET", &path, None, None).await;
            assert_eq!(world.shows(&answer), None, "{path}: {}", answer.text);
            match code {
                Some(code) => assert_eq!(answer.code(), code, "{path}"),
                None => assert_eq!(answer.json(), json!([]), "{path}"),
            }
        }
        for select in [json!({"language": "cpp"}), json!({"problem": "walk"}), json!({"verdict": "WA"})] {
            let answer = ask("POST", "/api/v1/rejudges", Some(json!({"select": select})), None).await;
            assert_eq!(answer.code(), "not_found", "{select}: {}", answer.text);
        }
        let mut named = body();
        named["files"] = json!([{"name": "a.cpp", "content_blob": world.upload}]);
        assert_eq!(ask("POST", SUBMISSIONS, Some(named), None).await.code(), "unknown_blob");
        assert_eq!(world.rows().await, before, "something was stored");

        // One key of two tenants is two keys.
        let key = Request::post(SUBMISSIONS).header("host", "127.0.0.1").header("idempotency-key", "k");
        let key = key
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", world.own));
        let mine = site.send(key.body(Body::from(body().to_string())).unwrap()).await.json();
        let theirs = ask("POST", SUBMISSIONS, Some(body()), Some("k")).await;
        assert!(!theirs.headers.contains_key("idempotency-replayed"));
        assert_ne!(theirs.json()["id"], mine["id"]);

        let before = world.rows().await;
        let first = ask("GET", SUBMISSIONS, None, None).await.json();
        assert_eq!(first.as_array().unwrap().len(), 1, "its own");
        let wrong = stranger_walks(&world, &stranger).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let mut after = world.rows().await;
        // Whoever sends the same bytes, they are kept once, and longer.
        after.remove("blobs");
        for (table, after) in after {
            let lost: Vec<_> = before[&table].difference(&after).collect();
            assert!(lost.is_empty(), "{table}: {lost:?}");
        }

        // Each of these requests is right: who may is not refused.
        for (method, path, needs, _, wanted) in ROUTES {
            let auth = match needs {
                Some(Scope::Admin) => bearer(&site.admin),
                Some(Scope::Worker) => bearer(&site.worker),
                _ => bearer(&world.own),
            };
            let thing = world.things(path).swap_remove(0);
            let answer = site.send(world.request(method, path, &auth, &thing)).await;
            assert_eq!(answer.status, *wanted, "{method} {path}: {}", answer.text);
        }
    }
}
