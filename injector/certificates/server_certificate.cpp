#include "injector/certificates/server_certificate.h"

#include <Poco/Crypto/X509Certificate.h>
#include <openssl/pem.h>

#include <array>
#include <stdexcept>

#include "injector/certificates/openssl.h"

namespace dormouse::injector {

void ServerCertificate::set(const CertificateAndKey& pair) {
  checkPair(pair);
  Poco::Net::Context::Params params;
  params.verificationMode = Poco::Net::Context::VERIFY_NONE;
  params.cipherList = "HIGH:!aNULL:!eNULL:!SHA1:!kRSA";
  Poco::Net::Context::Ptr context(
      new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, params));
  context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
  SSL_CTX* const ssl = context->sslContext();

  const BioPtr certificates(
      BIO_new_mem_buf(pair.certificate.data(), static_cast<int>(pair.certificate.size())));
  const BioPtr keyText(BIO_new_mem_buf(pair.key.data(), static_cast<int>(pair.key.size())));
  require(certificates != nullptr && keyText != nullptr, "no memory for a certificate");
  const X509Ptr leaf(PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr));
  std::array<char, 1> noPassphrase{};
  const KeyPtr key(PEM_read_bio_PrivateKey(keyText.get(), nullptr, nullptr, noPassphrase.data()));
  require(leaf != nullptr && key != nullptr && SSL_CTX_use_certificate(ssl, leaf.get()) == 1 &&
              SSL_CTX_use_PrivateKey(ssl, key.get()) == 1,
          "cannot use the certificate");
  while (X509* const next = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
    const X509Ptr chain(next);
    require(SSL_CTX_add1_chain_cert(ssl, chain.get()) == 1, "cannot use the certificate's chain");
  }
  ERR_clear_error();  // The end of the text is one too.
  const std::lock_guard lock(mutex_);
  context_ = context;
}

Poco::Net::Context::Ptr ServerCertificate::context() const {
  const std::lock_guard lock(mutex_);
  if (context_.isNull()) throw std::runtime_error("there is no certificate yet");
  return context_;
}

}  // namespace dormouse::injector
