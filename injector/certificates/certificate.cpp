#include "injector/certificates/certificate.h"

#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <utility>

#include "injector/certificates/openssl.h"

namespace dormouse::injector {
namespace {

BioPtr readFrom(const std::string& text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  require(bio != nullptr, "no memory for a PEM text");
  return bio;
}

template <typename Write>
std::string writeTo(const Write& write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr && write(bio.get()) == 1, "cannot write a PEM text");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

// The certificates of a text, in order; none if there is none that can be read.
std::vector<X509Ptr> readCertificates(const std::string& text) {
  std::vector<X509Ptr> certificates;
  const BioPtr bio = readFrom(text);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  ERR_clear_error();  // The end of the text is one too.
  return certificates;
}

X509Ptr readCertificate(const std::string& text) {
  auto certificates = readCertificates(text);
  if (certificates.empty()) throw OpenSslError("there is no certificate in the text");
  return std::move(certificates.front());
}

KeyPtr readKey(const std::string& text) {
  const BioPtr bio = readFrom(text);
  // The empty passphrase, so that an encrypted key fails instead of asking on the terminal.
  std::array<char, 1> nothing{};
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nothing.data()));
  require(key != nullptr, "cannot read the private key");
  return key;
}

std::time_t seconds(WallTime time) {
  return std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(time));
}

WallTime wallTime(const ASN1_TIME* time) {
  std::tm utc{};
  require(ASN1_TIME_to_tm(time, &utc) == 1, "cannot read a certificate's time");
  return WallTime(std::chrono::seconds(timegm(&utc)));
}

void addExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
          "cannot add a certificate extension");
}

// Version, serial number (64 random bits), times, subject and public key: all but the issuer's
// part.
X509Ptr makeCertificate(EVP_PKEY* key, const std::string& commonName, const Validity& validity) {
  X509Ptr certificate(X509_new());
  require(certificate != nullptr, "no memory for a certificate");
  X509* const x = certificate.get();
  std::uint64_t serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1,
          "there is no randomness");
  serial = (serial >> 1) | 1;  // Positive, as section 4.1.2.2 demands.
  const auto* name = reinterpret_cast<const unsigned char*>(commonName.c_str());
  const bool ok = X509_set_version(x, 2) == 1 &&
                  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial) == 1 &&
                  ASN1_TIME_set(X509_getm_notBefore(x), seconds(validity.from)) != nullptr &&
                  ASN1_TIME_set(X509_getm_notAfter(x), seconds(validity.until)) != nullptr &&
                  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, name,
                                             -1, -1, 0) == 1 &&
                  X509_set_pubkey(x, key) == 1;
  require(ok, "cannot fill a certificate");
  return certificate;
}

CertificateAndKey signedPair(const X509Ptr& certificate, const KeyPtr& key, EVP_PKEY* signer) {
  require(X509_sign(certificate.get(), signer, EVP_sha256()) > 0, "cannot sign a certificate");
  CertificateAndKey pair;
  pair.certificate = writeTo([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  pair.key = writeTo([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return pair;
}

KeyPtr makeKey() {
  KeyPtr key(EVP_EC_gen("P-256"));
  require(key != nullptr, "cannot make a key");
  return key;
}

}  // namespace

CertificateAndKey makeAuthority(const std::string& commonName, const Validity& validity) {
  const KeyPtr key = makeKey();
  const X509Ptr certificate = makeCertificate(key.get(), commonName, validity);
  X509* const x = certificate.get();
  require(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1, "cannot name the issuer");
  addExtension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  addExtension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
  addExtension(x, x, NID_subject_key_identifier, "hash");
  return signedPair(certificate, key, key.get());
}

CertificateAndKey issueLeaf(const CertificateAndKey& authority,
                            const std::vector<std::string>& names, const Validity& validity) {
  const X509Ptr issuer = readCertificate(authority.certificate);
  const KeyPtr issuerKey = readKey(authority.key);
  std::string alternatives;
  for (const std::string& name : names) {
    if (name.empty() || name.find(',') != std::string::npos) {
      throw OpenSslError("a server's name is empty or has a comma");
    }
    alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + name;
  }
  const KeyPtr key = makeKey();
  // A common name has at most 64 characters; clients look at the alternative names alone.
  const X509Ptr certificate = makeCertificate(key.get(), "dormouse-injector", validity);
  X509* const x = certificate.get();
  require(X509_set_issuer_name(x, X509_get_subject_name(issuer.get())) == 1,
          "cannot name the issuer");
  addExtension(x, issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  addExtension(x, issuer.get(), NID_key_usage, "critical,digitalSignature");
  addExtension(x, issuer.get(), NID_ext_key_usage, "serverAuth");
  addExtension(x, issuer.get(), NID_subject_key_identifier, "hash");
  addExtension(x, issuer.get(), NID_authority_key_identifier, "keyid");
  addExtension(x, issuer.get(), NID_subject_alt_name, alternatives);
  return signedPair(certificate, key, issuerKey.get());
}

Validity validityOf(const std::string& certificate) {
  const X509Ptr x = readCertificate(certificate);
  return {wallTime(X509_get0_notBefore(x.get())), wallTime(X509_get0_notAfter(x.get()))};
}

void checkPair(const CertificateAndKey& pair) {
  const X509Ptr certificate = readCertificate(pair.certificate);
  const KeyPtr key = readKey(pair.key);
  require(X509_check_private_key(certificate.get(), key.get()) == 1,
          "the certificate does not belong to the key");
}

bool verifies(const std::string& leaf, const std::string& bundle, const std::string& name,
              WallTime at) {
  const std::vector<X509Ptr> chain = readCertificates(leaf);
  const std::vector<X509Ptr> trusted = readCertificates(bundle);
  if (chain.empty() || trusted.empty()) return false;
  const StorePtr store(X509_STORE_new());
  const StoreContextPtr context(X509_STORE_CTX_new());
  STACK_OF(X509)* const others = sk_X509_new_null();
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> owner(
      others, [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  require(store != nullptr && context != nullptr && others != nullptr, "no memory to verify");
  for (const X509Ptr& certificate : trusted) X509_STORE_add_cert(store.get(), certificate.get());
  for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(others, chain[i].get());
  require(X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), others) == 1,
          "cannot verify");
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, seconds(at));
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size());
  // Like Go's crypto/x509, which the API server uses: whatever is in the bundle is an anchor.
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  const bool good = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace dormouse::injector
