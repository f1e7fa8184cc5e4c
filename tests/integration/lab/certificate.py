"""Certificates that are made for one test."""
import subprocess


def self_signed(directory, name):
    """A certificate for `name`, a subjectAltName such as "IP:10.0.0.1", and its key: two paths."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key), "-out",
                    str(certificate), "-subj", "/CN=pod.example", "-addext",
                    f"subjectAltName={name}", "-days", "1"], check=True, capture_output=True)
    return certificate, key
