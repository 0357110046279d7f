//! The dashboard behind nginx, set up as shown in `docs/access.md`.

use crate::process::{Exchange, Folder, Run, not_run, strategies};
use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NAME: &str = "bot.example.com";
/// Maximum delay of a message that is not held back. An nginx buffer holds about ten seconds of the output of a host
/// that receives nothing from the venue.
const PATIENCE: Duration = Duration::from_secs(3);

struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it.
        let _killed = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ended = self.0.wait();
    }
}

impl Nginx {
    /// Starts nginx with the documented server in front of `page`, and returns its port.
    fn start(program: &Path, dir: &Path, page: &str) -> (Self, u16) {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md")).unwrap();
        let server = text.split("```nginx\n").nth(1).unwrap().split("```").next().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = |name: &str| dir.join(name).display().to_string();
        let mut server = server.to_owned();
        let (page, listen) = (page.strip_prefix("http://").unwrap(), format!("listen 127.0.0.1:{port} ssl;"));
        for (from, to) in [
            ("listen 443 ssl;", listen.as_str()),
            ("127.0.0.1:3000", page),
            ("/etc/ssl/bot.pem", &place("bot.pem")),
            ("/etc/ssl/bot.key", &place("bot.key")),
        ] {
            assert!(server.contains(from), "{from} is not in the documented server:\n{server}");
            server = server.replace(from, to);
        }
        let subject = format!("/CN={NAME}");
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", &subject, "-keyout", &place("bot.key"), "-out", &place("bot.pem")]);
        assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
        let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};\n", place(name)))
            .concat();
        let log = place("nginx.log");
        let configuration = format!(
            "daemon off;\n{user}\npid {};\nerror_log {log};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{server}}}\n",
            place("nginx.pid")
        );
        std::fs::write(dir.join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf")).args(["-e", &log]);
        (Self(command.stdin(Stdio::null()).spawn().unwrap()), port)
    }
}

fn nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nginx")).find(|file| file.is_file())
}

#[test]
fn a_change_passes_the_documented_nginx_at_once_and_its_name_is_known() {
    let test = "a_change_passes_the_documented_nginx";
    let Some(strategies) = strategies(test) else { return };
    let Some(program) = nginx() else { return not_run(test, "nginx (Debian: nginx-light)") };
    let folder = Folder::new("nginx");
    let exchange = Exchange::start(&folder.0.join("exchange"), 1);
    let data = folder.0.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let more = ["--exchange", &exchange.address, "--stopped", "--set", "api.allow_remote=true"];
    let mut run = Run::start(&data, &strategies, &more);
    let addresses = run.addresses();
    let (_nginx, port) = Nginx::start(&program, &folder.0, addresses["dashboard"].as_str().unwrap());
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .resolve(NAME, ([127, 0, 0, 1], port).into())
        .build()
        .unwrap();
    let token = std::fs::read_to_string(data.join("admin.token")).unwrap().trim().to_owned();
    let base = format!("https://{NAME}:{port}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let venue = Pid::from_raw(exchange.pid().try_into().unwrap()).unwrap();
    runtime.block_on(async {
        let started = Instant::now();
        let page = loop {
            match client.get(&base).send().await {
                Ok(page) => break page,
                Err(error) => assert!(started.elapsed() < Duration::from_secs(20), "{error:#}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(page.status(), 200);
        let mut stream = client.get(format!("{base}/v1/stream")).bearer_auth(&token).send().await.unwrap();
        assert_eq!(
            (stream.status().as_u16(), &stream.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        // Market data would fill the buffer and thereby flush a change.
        kill_process(venue, Signal::STOP).unwrap();
        let url = format!("{base}/v1/admin/restrictions");
        for restriction in ["reduce_only", "cancel_only", "reduce_only"] {
            let body = serde_json::json!({"scope": "session", "restriction": restriction, "reason": "a test"});
            let put = client.put(&url).bearer_auth(&token).json(&body).send().await.unwrap();
            assert!(put.status().is_success(), "{restriction}: {}", put.text().await.unwrap());
            let (mut text, expected) = (String::new(), format!("\"restriction\":\"{restriction}\""));
            let change = async {
                while !text.contains(&expected) {
                    text.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
                }
            };
            assert!(tokio::time::timeout(PATIENCE, change).await.is_ok(), "nginx holds {restriction} back: {text}");
        }
        kill_process(venue, Signal::CONT).unwrap();
    });
    run.signal(Signal::INT);
    run.finish();
}
