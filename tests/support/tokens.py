"""A token server for Debian's docker-registry: signs JSON web tokens, short-lived on demand, and speaks OAuth2's refresh."""
import base64
import hashlib
import http.server
import json
import subprocess
import threading
import time
import urllib.parse


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    REFRESH = "refresh-token-of-u"

    def __init__(self, home, authority):
        self.certificate, self.key = authority.issue("tokens")
        self.home, self.requests, self.lifetime = home, [], 300
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                basic = self.headers.get("Authorization", "")
                known = basic == "Basic " + base64.b64encode(b"u:p").decode()
                server.requests.append(("GET", query, basic))
                if basic and not known:
                    return self.reply(401, {"details": "wrong password"})
                return self.reply(200, {"token": server.token(query, known), **({"refresh_token": server.REFRESH} if known else {})})

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                server.requests.append(("POST", form, ""))
                if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != server.REFRESH:
                    return self.reply(401, {"details": "no"})
                return self.reply(200, {"access_token": server.token(form, True)})

            def reply(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def auth(self):
        """The registry's configuration."""
        return {"token": {"realm": f"http://127.0.0.1:{self.server.server_port}/token", "service": "registry", "issuer": "tests",
                          "rootcertbundle": str(self.certificate)}}

    def key_id(self):
        """libtrust's: 240 bits of the public key's hash in base32."""
        der = subprocess.run(["openssl", "pkey", "-in", str(self.key), "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
        text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
        return ":".join(text[i:i + 4] for i in range(0, len(text), 4))

    def token(self, asked, known):
        access = []
        for scope in asked.get("scope", "").split():
            kind, name, actions = scope.split(":")
            # Who says no name may pull what is public.
            allowed = actions.split(",") if known else [a for a in actions.split(",") if a == "pull" and name.startswith("public/")]
            access.append({"type": kind, "name": name, "actions": allowed})
        now = int(time.time())
        head = {"typ": "JWT", "alg": "ES256", "kid": self.key_id()}
        claims = {"iss": "tests", "sub": "u" if known else "", "aud": "registry", "exp": now + self.lifetime, "nbf": now - 5, "iat": now, "jti": str(now),
                  "access": access}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(self.key)], input=signed.encode(), capture_output=True, check=True).stdout
        return signed + "." + base64url(raw_signature(der))


def raw_signature(der):
    """ECDSA's two numbers of 32 bytes each, out of their DER form."""
    at, numbers = 2, b""
    for _ in range(2):
        size = der[at + 1]
        numbers += der[at + 2: at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return numbers
