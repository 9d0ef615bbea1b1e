"""A certificate authority for one test, by openssl."""
import pathlib
import subprocess


def run(*args, input=None):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, input=input)


class Authority:
    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = self.home / "ca.crt", self.home / "ca.key"
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test authority",
            "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, address=None):
        """(certificate, key) for a server with that address, or a client."""
        certificate, key, request = (self.home / f"{name}.{kind}" for kind in ("cert", "key", "csr"))
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.home / f"{name}.ext"
        extensions.write_text(f"subjectAltName=IP:{address}\n" if address else "extendedKeyUsage=clientAuth\n")
        run("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "2", "-extfile", extensions,
            "-out", certificate)
        return certificate, key
