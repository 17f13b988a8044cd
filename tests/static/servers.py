"""Two servers on loopback: Weave behind TLS, with only the answers that one `min` needs, and a proxy that leads to it.

Usage: servers.py FOLDER. Makes an authority and its certificate there. Writes `ports` (Weave's, the proxy's) when both
servers listen. Logs the requested targets of the proxy in `proxied`. Ends when its stdin closes.
"""

import http.server
import json
import pathlib
import select
import socket
import socketserver
import ssl
import subprocess
import sys
import threading

NAME = "weave.example"
#: CALL is the run's root call. CALLS is the number of calls of its trace that it counted.
CALLS = 301
CALL = {
    "id": "cand",
    "trace_id": "trace",
    "parent_id": None,
    "op_name": "weave:///my-team/bot/op/Evaluation.evaluate:v1",
    "display_name": "monday",
    "started_at": "2026-11-23T09:00:00Z",
    "ended_at": "2026-11-23T09:01:00Z",
    "exception": None,
    "inputs": {
        "self": "weave:///my-team/bot/object/answers:v1",
        "model": "weave:///my-team/bot/object/bot:v1",
    },
    "attributes": {},
    "output": {},
    "summary": {"status_counts": {"success": CALLS, "error": 0}},
}
SCORES = {
    "scorer_key": "correctness",
    "path": None,
    "value_type": "binary",
    "trial_count": 100,
    "numeric_count": 0,
    "numeric_mean": None,
    "pass_true_count": 92,
    "pass_known_count": 100,
}
SUMMARY = {
    "row_count": 100,
    "evaluations": [
        {"evaluation_call_id": "cand", "trial_count": 100, "display_name": "monday", "scorer_stats": [SCORES]}
    ],
}
RESULTS = {"rows": [], "total_rows": 0, "summary": SUMMARY, "warnings": []}
ANSWERS = {
    ("POST", "/calls/stream_query"): CALL,
    ("POST", "/calls/query_stats"): {"count": CALLS},
    ("POST", "/v2/my-team/bot/eval_results/query"): RESULTS,
}


class Weave(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = ANSWERS.get((self.command, self.path))
        # One line, because a stream of calls has one line for each call.
        body = json.dumps(answer or {"detail": "Not Found"}).encode() + b"\n"
        self.send_response(200 if answer else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Proxy(socketserver.StreamRequestHandler):
    """Connects to Weave whatever target is requested, so that a name needs no resolver."""

    def handle(self):
        asked = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        with open(self.server.folder / "proxied", "a") as notes:
            notes.write(asked)
        with socket.create_connection(self.server.weave) as onward:
            self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.connection: onward, onward: self.connection}
            while ready := select.select(list(ends), [], [], 30)[0]:
                for end in ready:
                    if not (piece := end.recv(65536)):
                        return
                    ends[end].sendall(piece)


class ProxyServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


def certificates(folder):
    """Makes an authority, and its certificate for the name and the address."""
    openssl = lambda *words: subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=A private authority")
    openssl("req", *key, "-keyout", "weave.key", "-out", "weave.csr", "-subj", f"/CN={NAME}")
    names = f"subjectAltName=DNS:{NAME},IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
    (folder / "names").write_text(names)
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
    openssl("x509", "-req", "-in", "weave.csr", *signed, "-out", "weave.pem")


def main():
    folder = pathlib.Path(sys.argv[1])
    certificates(folder)
    weave = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Weave)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "weave.pem", folder / "weave.key")
    weave.socket = context.wrap_socket(weave.socket, server_side=True)
    proxy = ProxyServer(("127.0.0.1", 0), Proxy)
    proxy.folder, proxy.weave = folder, weave.server_address
    for server in (weave, proxy):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    written = folder / "ports.new"
    written.write_text(f"{weave.server_address[1]} {proxy.server_address[1]}\n")
    written.rename(folder / "ports")
    sys.stdin.read()


main()
