// A key and a certificate for tests of TLS.
#pragma once

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <string>

#include "os/file.h"

namespace wharf::http {

/// A key and a self-signed certificate for 127.0.0.1, as PEM files.
struct Identity {
  explicit Identity(const os::Path& folder)
      : certificate((folder / "cert.pem").string()), key((folder / "key.pem").string()) {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, pair);
    X509_NAME* name = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("t"), -1, -1, 0);
    X509_set_issuer_name(made, name);
    X509_EXTENSION* alternative =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(made, alternative, -1);
    X509_EXTENSION_free(alternative);
    X509_sign(made, pair, EVP_sha256());
    FILE* file = ::fopen(certificate.c_str(), "w");
    PEM_write_X509(file, made);
    ::fclose(file);
    file = ::fopen(key.c_str(), "w");
    PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
    ::fclose(file);
    X509_free(made);
    EVP_PKEY_free(pair);
  }
  std::string certificate;
  std::string key;
};

}  // namespace wharf::http
