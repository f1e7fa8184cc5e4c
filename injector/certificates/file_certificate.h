// A certificate that somebody else keeps in files, such as cert-manager in a mounted Secret.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "common/clock.h"
#include "common/log.h"
#include "injector/certificates/certificate.h"

namespace dormouse::injector {

/// Reads two PEM files and hands them on when they have changed. step() on one thread, the rest on
/// any.
class FileCertificate {
 public:
  /// `serve` gets each usable pair that differs from the last one; it may throw OpenSslError. The
  /// references outlive the object.
  FileCertificate(std::string certificateFile, std::string keyFile, const Clock& clock,
                  const Log& log, std::function<void(const CertificateAndKey&)> serve);

  /// Looks at the files once. False if they cannot be used (it is logged, once for each state); the
  /// former pair is served on. Never throws.
  bool step() noexcept;

  /// True while the pair that is served has begun and has not expired.
  bool ready() const;
  /// Seconds since 1970; 0 if there is none.
  std::int64_t expiry() const { return until_; }

 private:
  const std::string certificateFile_;
  const std::string keyFile_;
  const Clock& clock_;
  const Log& log_;
  const std::function<void(const CertificateAndKey&)> serve_;
  CertificateAndKey last_;  // As read last, usable or not.
  std::string complaint_;   // The last one logged.
  std::atomic<std::int64_t> from_{0};
  std::atomic<std::int64_t> until_{0};
};

}  // namespace dormouse::injector
