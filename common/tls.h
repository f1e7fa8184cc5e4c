// A server's certificate and key, from files.
#pragma once

#include <Poco/Net/Context.h>

#include <ctime>
#include <mutex>
#include <string>

#include "common/log.h"

namespace dormouse {

/// Gives out a TLS context (version 1.2 or later, no client certificates) made of two PEM files,
/// and makes it anew when one of them has changed, so that a renewed certificate needs no restart.
/// Any thread may call. No context, and nothing of OpenSSL, exists before the first call.
class TlsFiles {
 public:
  /// REQUIRES: log outlives the object.
  TlsFiles(std::string certificateFile, std::string keyFile, const Log& log);

  /// The context in force. If changed files cannot be read (a renewal that is half written), the
  /// former context serves on and the cause is logged. Throws std::runtime_error with a sentence if
  /// there has never been one.
  Poco::Net::Context::Ptr context();

 private:
  struct Stamp {
    std::timespec certificate{};
    std::timespec key{};
  };
  static std::timespec modified(const std::string& file);
  static bool same(const Stamp& a, const Stamp& b);
  Poco::Net::Context::Ptr load() const;

  const std::string certificateFile_;
  const std::string keyFile_;
  const Log& log_;
  std::mutex mutex_;
  Stamp stamp_;
  Poco::Net::Context::Ptr context_;
};

}  // namespace dormouse
