#include "injector/certificates/file_certificate.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace dormouse::injector {
namespace {

std::string read(const std::string& name) {
  std::ifstream file(name);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) throw std::runtime_error("the file " + name + " cannot be read");
  return text;
}

std::int64_t unixSeconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

FileCertificate::FileCertificate(std::string certificateFile, std::string keyFile,
                                 const Clock& clock, const Log& log,
                                 std::function<void(const CertificateAndKey&)> serve)
    : certificateFile_(std::move(certificateFile)),
      keyFile_(std::move(keyFile)),
      clock_(clock),
      log_(log),
      serve_(std::move(serve)) {}

bool FileCertificate::step() noexcept {
  try {
    CertificateAndKey pair{read(certificateFile_), read(keyFile_)};
    if (pair == last_) return complaint_.empty();
    last_ = pair;
    const Validity validity = validityOf(pair.certificate);
    serve_(pair);
    from_ = unixSeconds(validity.from);
    until_ = unixSeconds(validity.until);
    complaint_.clear();
    log_.info("a new certificate is served",
              {{"file", certificateFile_}, {"until", formatTime(validity.until)}});
    return true;
  } catch (const std::exception& error) {
    if (complaint_ != error.what()) {
      complaint_ = error.what();
      log_.error("the certificate cannot be used, a former one serves on",
                 {{"file", certificateFile_}, {"cause", complaint_}});
    }
    return false;
  }
}

bool FileCertificate::ready() const {
  const std::int64_t now = unixSeconds(clock_.wallNow());
  return from_ <= now && now < until_;
}

}  // namespace dormouse::injector
