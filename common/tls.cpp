#include "common/tls.h"

#include <Poco/Exception.h>
#include <sys/stat.h>

#include <stdexcept>

namespace dormouse {

TlsFiles::TlsFiles(std::string certificateFile, std::string keyFile, const Log& log)
    : certificateFile_(std::move(certificateFile)), keyFile_(std::move(keyFile)), log_(log) {}

std::timespec TlsFiles::modified(const std::string& file) {
  struct stat info{};
  return ::stat(file.c_str(), &info) == 0 ? info.st_mtim : std::timespec{};
}

bool TlsFiles::same(const Stamp& a, const Stamp& b) {
  const auto equal = [](const std::timespec& x, const std::timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return equal(a.certificate, b.certificate) && equal(a.key, b.key);
}

Poco::Net::Context::Ptr TlsFiles::load() const {
  Poco::Net::Context::Params params;
  params.privateKeyFile = keyFile_;
  params.certificateFile = certificateFile_;
  params.verificationMode = Poco::Net::Context::VERIFY_NONE;
  params.cipherList = "HIGH:!aNULL:!eNULL:!SHA1:!kRSA";
  Poco::Net::Context::Ptr context(
      new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, params));
  context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
  return context;
}

Poco::Net::Context::Ptr TlsFiles::context() {
  const std::lock_guard lock(mutex_);
  const Stamp stamp{modified(certificateFile_), modified(keyFile_)};
  if (!context_.isNull() && same(stamp, stamp_)) return context_;
  try {
    context_ = load();
    stamp_ = stamp;
  } catch (const Poco::Exception& error) {
    if (context_.isNull()) {
      throw std::runtime_error("cannot use the certificate " + certificateFile_ + " with the key " +
                               keyFile_ + ": " + error.displayText());
    }
    stamp_ = stamp;  // Logged once for each change.
    log_.error("the changed certificate cannot be used, the former one serves on",
               {{"file", certificateFile_}, {"cause", error.displayText()}});
  }
  return context_;
}

}  // namespace dormouse
