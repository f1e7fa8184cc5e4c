#include "injector/token_secrets.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "common/quote.h"
#include "injector/base64.h"

namespace dormouse::injector {
namespace {

// RFC 1123 names, as far as they keep a path a path.
bool isName(const std::string& text) {
  return !text.empty() && text.size() <= 253 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

}  // namespace

SecretName parseSecretName(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos) {
    SecretName name{text.substr(0, slash), text.substr(slash + 1)};
    if (isName(name.space) && isName(name.name)) return name;
  }
  throw std::invalid_argument(inQuotes(text) + " is not NAMESPACE/NAME of a Secret");
}

std::string makeToken() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    throw std::runtime_error("there is no randomness");
  }
  std::string text = encodeBase64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  text.erase(text.find('='));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

bool TokenSecrets::step() noexcept {
  bool good = true;
  for (const SecretName& name : secrets_) good = fill(name) && good;
  return good;
}

bool TokenSecrets::fill(const SecretName& name) noexcept {
  try {
    const std::string where = name.space + "/" + name.name;
    const Secret secret = readSecret(api_, name.space, name.name);
    if (!secret.empty()) return true;
    auto data = secret.data;
    data[kPrincipal] = makeToken();
    try {
      writeSecret(api_, secret, data);
    } catch (const ApiError& error) {
      if (error.conflict()) return true;  // Another replica has filled it.
      throw;
    }
    log_.info("a token was made", {{"secret", where}, {"principal", kPrincipal}});
    return true;
  } catch (const std::exception& error) {
    log_.warn("a token Secret could not be filled",
              {{"secret", name.space + "/" + name.name}, {"cause", std::string(error.what())}});
    return false;
  }
}

}  // namespace dormouse::injector
