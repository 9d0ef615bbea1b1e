"""The part of CloudWatch Logs that the awslogs driver speaks with; every signature is worked out again from the request."""
import hashlib
import hmac
import http.server
import json
import re
import threading
import time

KEY, SECRET, TOKEN = "AKIDTEST", "s3cret/+key", "a-token"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(secret, headers, names, body, scope):
    day, region, service, last = scope.split("/")
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    canonical = f"POST\n/\n\n{lines}\n{';'.join(names)}\n{hashlib.sha256(body).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, last):
        key = digest(key, part)
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return digest(key, text).hex()


class CloudWatch:
    """`groups` is {group: {stream: [event, ...]}}; `calls` are the names of what was asked. `failing` answers a call with that error once."""

    def __init__(self, groups=()):
        self.groups = {name: {} for name in groups}
        self.calls, self.formats, self.failing = [], [], {}
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536

            def log_message(self, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = service.answer({name.lower(): value for name, value in self.headers.items()}, body)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, headers, body):
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})", headers["authorization"])
        names = found[3].split(";")
        if found[1] != KEY or found[4] != signature(SECRET, headers, names, body, found[2]) or headers.get("x-amz-security-token") != TOKEN:
            return 400, {"__type": "InvalidSignatureException", "message": "The request signature we calculated does not match"}
        action = headers["x-amz-target"].removeprefix("Logs_20140328.")
        self.calls.append(action)
        if action in self.failing:
            return 400, {"__type": self.failing.pop(action), "message": "as asked for"}
        return getattr(self, action)(json.loads(body), headers)

    def CreateLogGroup(self, asked, headers):
        self.groups.setdefault(asked["logGroupName"], {})
        return 200, {}

    def CreateLogStream(self, asked, headers):
        group = self.groups.get(asked["logGroupName"])
        if group is None:
            return 400, {"__type": "com.amazonaws.logs#ResourceNotFoundException", "message": "The specified log group does not exist."}
        if asked["logStreamName"] in group:
            return 400, {"__type": "ResourceAlreadyExistsException", "message": "The specified log stream already exists"}
        group[asked["logStreamName"]] = []
        return 200, {}

    def PutLogEvents(self, asked, headers):
        times = [event["timestamp"] for event in asked["logEvents"]]
        if times != sorted(times) or not all(event["message"] for event in asked["logEvents"]):
            return 400, {"__type": "InvalidParameterException", "message": "Log events in a single PutLogEvents request must be in chronological order."}
        self.formats.append(headers.get("x-amzn-logs-format"))
        self.groups[asked["logGroupName"]][asked["logStreamName"]] += asked["logEvents"]
        return 200, {"nextSequenceToken": "1"}

    def wait(self, condition, seconds=15):
        deadline = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < deadline, (self.calls, self.groups)
            time.sleep(0.05)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
