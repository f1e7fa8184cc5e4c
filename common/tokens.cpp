#include "common/tokens.h"

#include <Poco/SHA2Engine.h>
#include <Poco/String.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "common/problem.h"

namespace dormouse {
namespace {

constexpr std::size_t kMaxFiles = 64;
constexpr std::size_t kMaxFileBytes = 4096;
constexpr std::size_t kMaxEntries = 1024;
constexpr std::size_t kMaxFailures = 10;
constexpr auto kWindow = std::chrono::minutes(1);

std::vector<std::string> fileNames(const std::string& directory) {
  std::vector<std::string> names;
  DIR* const dir = ::opendir(directory.c_str());
  if (dir == nullptr) return names;
  // readdir is safe here: the stream is this call's own.
  while (const dirent* entry = ::readdir(dir)) {  // NOLINT(concurrency-mt-unsafe)
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    if (names.size() == kMaxEntries) break;
  }
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

enum class FileState : std::uint8_t { kRead, kNoFile, kUnreadable, kTooLarge };

// Follows symbolic links, as a mounted Secret consists of them. Never blocks on a FIFO.
FileState readFile(const std::string& path, std::string& content) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno == ENOENT ? FileState::kNoFile : FileState::kUnreadable;
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return FileState::kNoFile;
  }
  content.resize(kMaxFileBytes + 1);
  std::size_t size = 0;
  ssize_t n = 0;
  while (size < content.size() &&
         ((n = ::read(fd, content.data() + size, content.size() - size)) > 0 ||
          (n < 0 && errno == EINTR))) {
    if (n > 0) size += static_cast<std::size_t>(n);
  }
  ::close(fd);
  if (n < 0) return FileState::kUnreadable;
  content.resize(size);
  return size > kMaxFileBytes ? FileState::kTooLarge : FileState::kRead;
}

// The token of "Bearer TOKEN"; empty if the header holds none.
std::string_view bearerToken(std::string_view header) {
  constexpr std::string_view kScheme = "Bearer ";
  if (header.size() <= kScheme.size() ||
      Poco::icompare(std::string(header.substr(0, kScheme.size())), std::string(kScheme)) != 0) {
    return {};
  }
  header.remove_prefix(kScheme.size());
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

}  // namespace

Sha256 sha256(std::string_view text) {
  Poco::SHA2Engine engine(Poco::SHA2Engine::SHA_256);
  engine.update(text.data(), text.size());
  const auto& digest = engine.digest();
  Sha256 hash{};
  std::copy_n(digest.begin(), std::min(digest.size(), hash.size()), hash.begin());
  return hash;
}

HashedToken parseHashedToken(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view hex = equals == std::string_view::npos ? "" : text.substr(equals + 1);
  HashedToken result{std::string(text.substr(0, equals)), {}};
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  bool valid = !result.name.empty() && hex.size() == 2 * result.hash.size();
  for (std::size_t i = 0; valid && i < result.hash.size(); ++i) {
    const int high = digit(hex[2 * i]);
    const int low = digit(hex[2 * i + 1]);
    valid = high >= 0 && low >= 0;
    if (valid) result.hash[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (!valid) {
    throw std::invalid_argument(
        "a hashed token is NAME=HEX with the 64 hexadecimal digits of "
        "the token's SHA-256");
  }
  return result;
}

Tokens::Tokens(TokenOptions options, const Clock& clock, const Log& log)
    : options_(std::move(options)), clock_(clock), log_(log) {}

std::vector<HashedToken> Tokens::load() {
  std::vector<HashedToken> known = options_.hashed;
  if (options_.directory.empty()) return known;
  std::size_t files = 0;
  std::string content;
  for (const std::string& name : fileNames(options_.directory)) {
    const FileState state = readFile(options_.directory + "/" + name, content);
    if (state == FileState::kNoFile) continue;
    if (++files > kMaxFiles) {
      complainOnce("more than 64 token files, the rest is ignored from here on", name);
      break;
    }
    if (state == FileState::kUnreadable) complainOnce("a token file cannot be read", name);
    if (state == FileState::kTooLarge) complainOnce("a token file is larger than 4 KiB", name);
    if (state != FileState::kRead) continue;
    if (!content.empty() && content.back() == '\n') content.pop_back();
    if (!content.empty()) known.push_back({name, sha256(content)});
  }
  OPENSSL_cleanse(content.data(), content.size());
  return known;
}

void Tokens::complainOnce(const std::string& what, const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    if (complained_.size() >= kMaxFiles || !complained_.insert(what + name).second) return;
  }
  log_.warn(what, {{"file", name}});
}

std::string Tokens::authenticate(const std::string& authorization) {
  const std::vector<HashedToken> known = load();
  if (known.empty()) throw Problem(503, "no credentials are configured");
  const std::string_view token = bearerToken(authorization);
  if (token.empty()) {
    throw Problem(401, "this call needs a token: Authorization: Bearer TOKEN")
        .with("WWW-Authenticate", "Bearer");
  }
  // Hashing both sides makes lengths equal, and every known token is compared: neither the place of
  // a difference nor the principal shows in the time.
  const Sha256 hash = sha256(token);
  const HashedToken* found = nullptr;
  for (const HashedToken& candidate : known) {
    const bool equal = CRYPTO_memcmp(hash.data(), candidate.hash.data(), hash.size()) == 0;
    if (equal && found == nullptr) found = &candidate;
  }
  if (found == nullptr) refuse();
  return found->name;
}

void Tokens::refuse() {
  const TimePoint now = clock_.now();
  const std::lock_guard lock(mutex_);
  while (!failures_.empty() && now - failures_.front() >= kWindow) failures_.pop_front();
  if (failures_.size() >= kMaxFailures) {
    // Wrong tokens answered this way do not count again, so the pause ends by itself.
    const auto wait = std::chrono::ceil<std::chrono::seconds>(failures_.front() + kWindow - now);
    throw Problem(429, "too many wrong tokens within a minute; a right one still passes")
        .with("Retry-After", std::to_string(wait.count()));
  }
  failures_.push_back(now);
  throw Problem(401, "this token is not known here")
      .with("WWW-Authenticate", "Bearer error=\"invalid_token\"");
}

}  // namespace dormouse
