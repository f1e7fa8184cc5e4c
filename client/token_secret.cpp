#include "client/token_secret.h"

#include <Poco/Base64Decoder.h>
#include <Poco/Exception.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "client/json_path.h"
#include "client/outcome.h"
#include "client/pod.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kMostTokenBytes = 4096;
constexpr const char* kFirstPrincipal = "developer";

std::string decoded(const std::string& base64) {
  if (base64.size() > 2 * kMostTokenBytes) return std::string(kMostTokenBytes + 1, '?');
  std::istringstream in(base64);
  in.exceptions(std::ios::badbit);
  Poco::Base64Decoder decoder(in);
  std::ostringstream out;
  out << decoder.rdbuf();
  return out.str();
}

std::string listed(const std::map<std::string, std::string>& data) {
  std::string names;
  for (const auto& [name, value] : data) names += (names.empty() ? "" : ", ") + printable(name, 63);
  return names;
}

}  // namespace

std::string faultOfToken(const std::string& token) {
  if (token.empty()) return "is empty";
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (printable && token.size() <= kMostTokenBytes) return "";
  return "is not a token: only printable ASCII without spaces is, up to 4096 bytes";
}

std::string tokenFromSecret(const Poco::JSON::Object& object, const std::string& as) {
  if (textAt(object, {"kind"}) != "Secret") {
    throw ObjectError("kubectl describes something but a Secret");
  }
  const std::string secret =
      "the Secret " + printable(textAt(object, {"metadata", "name"}).value_or("?"), 253);
  auto data = textsAt(object, {"data"});
  // As the agent reads them: empty ones and names that begin with a dot do not count.
  std::erase_if(
      data, [](const auto& item) { return item.second.empty() || item.first.starts_with('.'); });
  if (data.empty()) {
    throw ObjectError(secret + " holds no token yet: the injector fills it, or whoever made it");
  }
  auto chosen = data.find(as.empty() ? kFirstPrincipal : as);
  if (chosen == data.end() && as.empty() && data.size() == 1) chosen = data.begin();
  if (chosen == data.end()) {
    throw ObjectError(secret + " has no token of " + (as.empty() ? kFirstPrincipal : as) +
                      "; --as NAME chooses one of: " + listed(data));
  }
  std::string token;
  try {
    token = decoded(chosen->second);
  } catch (const std::exception&) {
    throw ObjectError(secret + ": the value of " + printable(chosen->first, 63) + " is no base64");
  }
  if (token.ends_with('\n')) token.pop_back();
  if (const std::string fault = faultOfToken(token); !fault.empty()) {
    throw ObjectError(secret + ": the value of " + printable(chosen->first, 63) + " " + fault);
  }
  return token;
}

}  // namespace dormouse::client
