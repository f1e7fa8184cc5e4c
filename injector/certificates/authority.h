// The CA as it lies in its Secret, and what is to become of it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "injector/certificates/certificate.h"

namespace dormouse::injector {

/// How long things last. Constants of the design, in one place.
struct CertificateTimes {
  Nanos authority = std::chrono::hours(365 * 24);
  Nanos leaf = std::chrono::hours(7 * 24);
  /// How long after its successor was made a CA is still trusted and can still sign.
  Nanos overlap = std::chrono::hours(7 * 24);
  /// How long a bundle must have been in place before a leaf of its new CA is served: API servers
  /// learn of a changed webhook configuration with a delay.
  Nanos settle = std::chrono::seconds(60);
  /// Certificates begin so much earlier than they are made: clocks differ.
  Nanos backdate = std::chrono::hours(1);
};

/// The CA in force and, for a time after a renewal, the one before it. The former one's key is kept
/// too, so that a replica that starts in between can serve a leaf that every API server trusts.
struct Authority {
  CertificateAndKey current;
  std::optional<CertificateAndKey> previous;

  /// What API servers are to trust: the current certificate, then the previous one.
  std::string bundle() const;
  bool operator==(const Authority&) const = default;
};

using SecretData = std::map<std::string, std::string>;

/// Reads the Secret's data. Nothing if it has no CA, or one that cannot be used (no pair, expired);
/// then `fault` says why, and stays empty for a Secret that is empty. A previous CA that cannot be
/// used is left out.
std::optional<Authority> authorityFrom(const SecretData& data, WallTime now, std::string& fault);

/// The data of the Secret: ca.crt, ca.key and, with a previous CA, previous-ca.crt,
/// previous-ca.key.
SecretData toSecretData(const Authority& authority);

/// When the current CA was made.
WallTime madeAt(const Authority& authority, const CertificateTimes& times);

/// What should be in the Secret instead; nothing if it is good as it is. A CA is made when there is
/// none and when two thirds of its time are over; the previous one is dropped after the overlap,
/// but not before the bundle with its successor is in place.
std::optional<Authority> nextAuthority(const std::optional<Authority>& present,
                                       const CertificateTimes& times, WallTime now,
                                       bool bundleInPlace);

/// True once two thirds of a certificate's time are over.
bool dueForRenewal(const std::string& certificate, WallTime now);

}  // namespace dormouse::injector
