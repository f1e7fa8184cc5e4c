// The certificate that is being served, swapped while connections go on.
#pragma once

#include <Poco/Net/Context.h>

#include <mutex>

#include "injector/certificates/certificate.h"

namespace dormouse::injector {

/// Gives each new connection a TLS context (version 1.2 or later, no client certificates) with the
/// latest certificate. Connections that are open keep theirs. Any thread may call.
class ServerCertificate {
 public:
  /// From now on this is served. `pair.certificate` may be followed by its chain. Throws
  /// OpenSslError if it cannot be used; then the former one stays.
  void set(const CertificateAndKey& pair);

  /// Throws std::runtime_error while there is none.
  Poco::Net::Context::Ptr context() const;

 private:
  mutable std::mutex mutex_;
  Poco::Net::Context::Ptr context_;
};

}  // namespace dormouse::injector
