#include "injector/certificates/authority.h"

#include "injector/certificates/openssl.h"

namespace dormouse::injector {
namespace {

constexpr const char* kCertificate = "ca.crt";
constexpr const char* kKey = "ca.key";
constexpr const char* kPreviousCertificate = "previous-ca.crt";
constexpr const char* kPreviousKey = "previous-ca.key";

std::string valueOf(const SecretData& data, const char* key) {
  const auto found = data.find(key);
  return found == data.end() ? "" : found->second;
}

// Empty if the pair can be used now, else why not.
std::string faultOf(const CertificateAndKey& pair, WallTime now) {
  try {
    checkPair(pair);
    return validityOf(pair.certificate).until > now ? "" : "it has expired";
  } catch (const OpenSslError& error) {
    return error.what();
  }
}

}  // namespace

std::string Authority::bundle() const {
  return previous ? current.certificate + previous->certificate : current.certificate;
}

std::optional<Authority> authorityFrom(const SecretData& data, WallTime now, std::string& fault) {
  fault.clear();
  const CertificateAndKey current{valueOf(data, kCertificate), valueOf(data, kKey)};
  const CertificateAndKey previous{valueOf(data, kPreviousCertificate),
                                   valueOf(data, kPreviousKey)};
  if (current.certificate.empty() && current.key.empty()) return std::nullopt;
  fault = faultOf(current, now);
  if (!fault.empty()) return std::nullopt;
  Authority authority{current, std::nullopt};
  if (!previous.certificate.empty() && faultOf(previous, now).empty())
    authority.previous = previous;
  return authority;
}

SecretData toSecretData(const Authority& authority) {
  SecretData data = {{kCertificate, authority.current.certificate}, {kKey, authority.current.key}};
  if (authority.previous) {
    data[kPreviousCertificate] = authority.previous->certificate;
    data[kPreviousKey] = authority.previous->key;
  }
  return data;
}

WallTime madeAt(const Authority& authority, const CertificateTimes& times) {
  return validityOf(authority.current.certificate).from + times.backdate;
}

bool dueForRenewal(const std::string& certificate, WallTime now) {
  const Validity validity = validityOf(certificate);
  return now >= validity.from + (validity.until - validity.from) / 3 * 2;
}

std::optional<Authority> nextAuthority(const std::optional<Authority>& present,
                                       const CertificateTimes& times, WallTime now,
                                       bool bundleInPlace) {
  if (!present || dueForRenewal(present->current.certificate, now)) {
    Authority next;
    next.current =
        makeAuthority("dormouse-injector-ca", {now - times.backdate, now + times.authority});
    if (present) next.previous = present->current;
    return next;
  }
  if (present->previous && bundleInPlace && now >= madeAt(*present, times) + times.overlap) {
    return Authority{present->current, std::nullopt};
  }
  return std::nullopt;
}

}  // namespace dormouse::injector
