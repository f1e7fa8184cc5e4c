// X.509 certificates (RFC 5280): made, read and checked.
#pragma once

#include <string>
#include <vector>

#include "common/clock.h"

namespace dormouse::injector {

/// A certificate and its key, as PEM texts.
struct CertificateAndKey {
  std::string certificate;
  std::string key;
  bool operator==(const CertificateAndKey&) const = default;
};

/// From when to when a certificate holds.
struct Validity {
  WallTime from;
  WallTime until;
};

// All of these throw OpenSslError, whose what() says what failed.

/// A new ECDSA P-256 key and a self-signed CA certificate for it, which may sign leaves only.
CertificateAndKey makeAuthority(const std::string& commonName, const Validity& validity);

/// A new ECDSA P-256 key and a server certificate for it, signed by the CA. `names`: DNS names, not
/// empty, without commas.
CertificateAndKey issueLeaf(const CertificateAndKey& authority,
                            const std::vector<std::string>& names, const Validity& validity);

/// Of the first certificate in the text.
Validity validityOf(const std::string& certificate);

/// Throws unless both can be read and belong together.
void checkPair(const CertificateAndKey& pair);

/// True if a TLS client that trusts `bundle` (any number of certificates) accepts the first
/// certificate of `leaf` for the server `name` at that moment, with the others as its chain. False
/// too for texts that cannot be read.
bool verifies(const std::string& leaf, const std::string& bundle, const std::string& name,
              WallTime at);

}  // namespace dormouse::injector
